"""Opens `eval.report.condition_agreement`: does a model draw what it is asked for?"""

from emoji_gan import errors
from eval.report import condition_agreement

if __name__ == "__main__":
    errors.run(condition_agreement.main)
