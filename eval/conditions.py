"""Opens `eval.report.condition_agreement`: judges whether a model draws what its conditions say."""

from emoji_gan import errors
from eval.report import condition_agreement

if __name__ == "__main__":
    errors.run(condition_agreement.main)
