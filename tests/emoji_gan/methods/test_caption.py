"""Captions: what is learned, by likelihood and with a critic; how texts are drawn."""

import jax
import jax.numpy as jnp
import ml_collections
import numpy as np
import pytest
from flax import nnx

from configs import caption as caption_config
from emoji_gan import conditions, methods
from emoji_gan.errors import UserError
from emoji_gan.methods import caption, decoding, recall
from emoji_gan.methods import step as step_lib
from emoji_gan.methods.base import Latents
from emoji_gan.methods.recall import Recalled
from emoji_gan.runtime import learning_rate
from emoji_gan.runtime import mesh as mesh_lib
from emoji_gan.trained import model_file, transfer

PIECES = ("<pad>", "<end>", "<spell>", "~a", "red", "blue", "rouge", "bleu", "cat", "chat")
SPEC = conditions.Spec(captions=conditions.Captions(PIECES, 4, "hash", ("a", "b", "c", "d"), 4))
# (language, colour) -> a text; the picture's vector says the colour.
# Of two emoji that are red and two that are blue, in each language.
OWN = np.array([[[4, 8, 0, 0], [6, 9, 0, 0]], [[5, 8, 0, 0], [7, 9, 0, 0]]], np.int32)
WORDS = {(0, 0): (4, 8, 1), (0, 1): (5, 8, 1), (1, 0): (9, 6, 1), (1, 1): (9, 7, 1)}


def tiny_config(**changes):
    c = caption_config.get_config()
    c.batch_size, c.total_kimg, c.data.captions.length = 16, 8.0, 6
    c.model.update({"width": 16, "embedding": 8, "critic_width": 8})
    c.optim.update({"g_lr": 0.02, "d_lr": 0.005, "warmup_kimg": 0.0, "eps": 1e-6})
    c.ema.half_life_kimg = 0.1
    c.update_from_flattened_dict(changes)
    return c


def test_its_learning_rate_falls_and_a_resumed_run_keeps_its_end():
    config = methods.resolve(tiny_config(), 1)
    assert config.optim.decay == "cosine" and config.optim.decay_kimg == config.total_kimg
    factors = [float(learning_rate.factor(config, np.float32(1000 * k))) for k in (0, 4, 8)]
    np.testing.assert_allclose(factors, [1, 0.5, 0], atol=1e-3)


def batch_of(step, count=16):
    rng = np.random.default_rng(step)
    language, colour, which = rng.integers(0, 2, (3, count))
    tokens = np.zeros((count, 6), np.int32)
    for row, of_one in zip(tokens, zip(language, colour, strict=True), strict=True):
        row[:3] = WORDS[tuple(map(int, of_one))]
    return {
        "image": np.zeros((count, 32, 32, 4), np.uint8),
        "features": np.eye(4, dtype=np.float32)[colour],
        "caption": {
            "tokens": tokens,
            "language": language.astype(np.int32),
            "kind": np.zeros(count, np.int32),
            "emoji": (2 * colour + which).astype(np.int32),
            "words": OWN[colour],
        },
        "condition": {},
        "sample": np.arange(step * count, (step + 1) * count, dtype=np.uint32),
    }


def trained(config, steps, devices=1):
    mesh = mesh_lib.make_mesh(jax.devices()[:devices])
    config = methods.resolve(config, mesh.size)
    state = mesh_lib.replicate(mesh, caption.init(config, SPEC, 0))
    run, history = caption.train_step(config, SPEC, mesh), []
    for i in range(steps):
        state, metrics = run(state, mesh_lib.global_batch(mesh, batch_of(i)), i)
        history.append({name: float(value) for name, value in metrics.items()})
    return config, state, history


def drawn(config, state, features, language, temperature=0.1, candidates=None):
    count = len(features)
    generator = caption.generator(config, SPEC)
    condition = {
        "language": jnp.asarray(language, jnp.int32),
        "kind": jnp.zeros(count, jnp.int32),
        "seed": jnp.zeros(count, jnp.uint32),
        "candidate": jnp.asarray(
            np.arange(count) if candidates is None else candidates, jnp.uint32
        ),
        "temperature": jnp.full(count, temperature, jnp.float32),
    }
    latents = Latents(jnp.asarray(features, jnp.float32), jnp.float32(1), "picture")
    return jax.jit(generator.draw)(generator.params_of(state), latents, condition)


@pytest.mark.parametrize("adversarial", [0.0, pytest.param(0.1, marks=pytest.mark.slow)])
def test_it_learns_to_say_what_it_sees_in_either_language(adversarial):
    config, state, history = trained(tiny_config(**{"loss.adversarial": adversarial}), 150)
    assert history[-1]["bad_steps/total"] == 0
    assert ("loss/d" in history[-1]) == bool(adversarial)
    colours, language = np.array([0, 1, 0, 1]), np.array([0, 0, 1, 1])
    out = drawn(config, state, np.eye(4)[colours], language)
    rows = zip(language, colours, strict=True)
    for tokens, of_one in zip(np.asarray(out.tokens), rows, strict=True):
        assert tuple(tokens[:3]) == WORDS[tuple(map(int, of_one))]
        assert (tokens[3:] == 1).all()
    scalars = caption.summaries(config, SPEC)(state, batch_of(999))["scalars"]
    assert scalars["nll/validation"] < 0.5 * scalars["nll/blind_validation"]


@pytest.mark.parametrize("adversarial", [0.0, 0.1])
def test_devices_do_not_change_the_losses(adversarial):
    config = {"loss.adversarial": adversarial}
    _, _, one = trained(tiny_config(**config), 3)
    _, _, two = trained(tiny_config(**config), 3, devices=2)
    for a, b in zip(one, two, strict=True):
        for name, value in a.items():
            np.testing.assert_allclose(b[name], value, rtol=2e-3, atol=1e-5, err_msg=name)


def test_a_step_compiles_without_data():
    mesh = mesh_lib.make_mesh(jax.devices()[:1])
    config = methods.resolve(tiny_config(), 1)
    shapes, real = step_lib.batch_shapes(config, SPEC, mesh), batch_of(0)

    def described(tree):
        return jax.tree.map(lambda x: (x.shape, np.dtype(x.dtype)), tree)

    assert described(shapes) == described(real)


def test_likelihoods_of_drawn_texts_are_those_of_the_loss():
    config, state, _ = trained(tiny_config(), 30)
    features, language = np.eye(4)[[0, 1, 0]], np.array([0, 1, 1])
    out = drawn(config, state, features, language, temperature=1.0)
    g_def = nnx.graphdef(nnx.eval_shape(lambda: caption.make_networks(config, SPEC, 0)[0]))
    writer = nnx.merge(g_def, state.g_ema)
    features, language = jnp.asarray(features, jnp.float32), jnp.asarray(language)
    c = writer.condition(features, language, jnp.zeros(3, jnp.int32))
    recalled = recall.recalled(state.memory, features, language, count=8)
    assert recalled.pieces.shape == (3, 16)  # of all emoji
    for i in range(3):
        of_one = jax.tree.map(lambda x, i=i: x[i : i + 1], recalled)
        nll = decoding.mean_nll(writer, out.tokens[i : i + 1], c[i : i + 1], of_one)
        np.testing.assert_allclose(nll, -out.log_p[i], rtol=1e-4)
    # Padding counts for nothing, whether it is computed or not.
    padded = jnp.where(decoding.alive_in(out.tokens), out.tokens, 0)
    whole = decoding.mean_nll(writer, out.tokens, c, recalled)
    needed = int(decoding.alive_in(out.tokens).sum())
    np.testing.assert_allclose(
        decoding.mean_nll(writer, padded, c, recalled, needed), whole, rtol=1e-5
    )


def test_a_text_depends_on_its_own_picture_and_candidate():
    config, state, _ = trained(tiny_config(), 5)
    features, language = np.eye(4)[np.arange(12) % 2], np.arange(12) % 2
    whole = drawn(config, state, features, language, temperature=1.0)
    one = drawn(config, state, features[7:8], language[7:8], temperature=1.0, candidates=[7])
    np.testing.assert_array_equal(one.tokens[0], whole.tokens[7])
    others = [
        drawn(config, state, features[7:8], language[7:8], temperature=1.0, candidates=[n]).tokens
        for n in range(8)
    ]
    assert len({tuple(np.asarray(tokens)[0]) for tokens in others}) > 1


def test_the_critic_s_gradient_reaches_the_writer():
    config = methods.resolve(tiny_config(**{"loss.adversarial": 0.1}), 1)
    writer, critic = caption.make_networks(config, SPEC, 0)
    c = jnp.asarray(np.random.default_rng(0).normal(size=(4, 16)), jnp.float32)
    keys = jax.random.split(jax.random.key(0), 4)
    recalled = Recalled(jnp.full((4, 2), 4), jnp.full((4, 2), -0.7))
    split = nnx.split(writer)

    def score(params):
        g = nnx.merge(split[0], params)
        out = decoding.draw_softly(g, c, recalled, keys, length=6, softness=1.0)
        alive = decoding.alive_in(out.tokens).astype(jnp.float32)
        return critic(critic.embedded(out.one_hot), alive, c[:, :8]).sum(), out

    grads, out = jax.grad(score, has_aux=True)(split[1])
    np.testing.assert_array_equal(jnp.argmax(out.one_hot, -1), out.tokens)
    norms = [
        float(jnp.abs(leaf).max())
        for part in (grads.recurrent, grads.ask, grads.copy, grads.hint)
        for leaf in jax.tree.leaves(part)
    ]
    assert min(norms) > 0


def test_words_of_the_nearest_emoji_are_recalled_and_never_its_own_in_training():
    memory = recall.empty(3, 2, 2, 4)
    nothing = recall.recalled(memory, jnp.ones((1, 2)), jnp.zeros(1, jnp.int32), count=2)
    assert (nothing.pieces == 0).all() and (nothing.log_weights < -1e8).all()
    vectors = jnp.float32([[4, 0], [0, 4], [4, 0]])
    words = jnp.asarray(OWN[[0, 1, 0]])
    memory = recall.remembered(memory, vectors, jnp.int32([0, 1, 0]), words)
    assert memory["times"].tolist() == [2, 1, 0]  # the third emoji has not been seen
    np.testing.assert_allclose(memory["vectors"][:2], [[4, 0], [0, 4]])
    later = recall.remembered(memory, jnp.float32([[2, 2]]), jnp.int32([1]), words[1:2])
    np.testing.assert_allclose(later["vectors"][:2], [[4, 0], [0.2, 3.8]], rtol=1e-6)
    seen, french = jnp.float32([[3, 1]]), jnp.int32([1])

    def probable(**more):
        out = recall.recalled(memory, seen, french, count=2, **more)
        return {
            int(piece): round(float(jnp.exp(log)), 3)
            for piece, log in zip(out.pieces[0], out.log_weights[0], strict=True)
            if piece
        }

    whole = probable()
    assert whole[6] == 1.0 and whole[7] == 0.0  # of the first, hardly of the second
    assert probable(emoji=jnp.int32([0])) == {7: 1.0, 9: 1.0}
    assert probable(chance=jnp.float32([[0.9, 0.1, 0.9]])) == {6: 1.0, 9: 1.0}


def test_a_new_emoji_gets_the_words_of_its_like():
    config, state, _ = trained(tiny_config(), 150)
    generator = caption.generator(config, SPEC)
    memory = dict(state.memory)
    memory["words"] = memory["words"].at[:2, 0].set(jnp.int16([3, 3, 3, 3]))
    writer = nnx.merge(
        nnx.graphdef(nnx.eval_shape(lambda: caption.make_networks(config, SPEC, 0)[0])),
        state.g_ema,
    )
    features = jnp.eye(4)[:1]
    recalled = recall.recalled(memory, features, jnp.zeros(1, jnp.int32), count=1)
    c = writer.condition(features, jnp.zeros(1, jnp.int32), jnp.zeros(1, jnp.int32))
    log_p = writer.log_p(writer.begin(c), recalled)
    none = writer.log_p(writer.begin(c), recall.nothing(recalled))
    np.testing.assert_allclose(jnp.exp(log_p).sum(), 1, rtol=1e-4)
    np.testing.assert_allclose(jnp.exp(none).sum(), 1, rtol=1e-4)
    assert log_p[0, 3] > none[0, 3] + 1  # the recalled word is likelier for being recalled
    assert generator.fields == ("g_ema", "memory")


def test_a_run_on_other_texts_keeps_the_words_that_both_have(tmp_path):
    config, state, _ = trained(tiny_config(), 5)
    file = str(tmp_path / "captioner.safetensors")
    generator = caption.generator(config, SPEC)
    kept = {"config": config.to_dict(), "spec": SPEC, "licence": "CC0 1.0", "digest": "d" * 64}
    model_file.write(file, generator.params_of(state), step=5, kimg_before=0.0, **kept)
    pieces = (*PIECES[:4], "green", "cat", "red", "chat", "vert", "rouge")
    texts = conditions.Captions(pieces, 4, "hash", ("b", "e", "f", "g"), 4)
    new_spec = conditions.Spec(captions=texts)
    fresh = caption.init(config, new_spec, 1)
    begun = transfer.start(fresh, ml_collections.FrozenConfigDict(config), new_spec, file)
    old_table, table = (np.asarray(s.g_ema["table"]) for s in (state, begun))
    for piece in ("cat", "red", "chat", "rouge", "<end>"):
        np.testing.assert_allclose(
            table[pieces.index(piece)], old_table[PIECES.index(piece)], rtol=1e-3
        )
    green = pieces.index("green")
    np.testing.assert_array_equal(table[green], fresh.g_ema["table"][green])
    assert begun.memory["times"].sum() == 0  # of other emoji
    same = transfer.start(
        caption.init(config, SPEC, 1), ml_collections.FrozenConfigDict(config), SPEC, file
    )
    np.testing.assert_array_equal(same.memory["words"], state.memory["words"])
    assert same.memory["times"].sum() == 5 * config.batch_size


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"data.conditions": ("group",)}, "a captioner has none"),
        ({"eval.every_kimg": 1.0}, "draws no pictures"),
        ({"loss.gumbel": 0.0}, "loss.gumbel=0.0: must be above 0"),
        ({"data.captions.length": 1}, "data.captions.length=1: must be at least 2"),
    ],
)
def test_what_cannot_work_is_refused(changes, reason):
    with pytest.raises(UserError, match=reason):
        methods.resolve(tiny_config(**changes), 1)


def test_a_spec_with_texts_survives_json_and_others_are_stored_as_before():
    assert conditions.Spec.from_json(SPEC.to_json()) == SPEC
    assert conditions.NONE.to_json().keys() == {"classes", "text_dim", "text_hash"}
    older = conditions.Spec(captions=conditions.Captions(PIECES, 4, "hash"))
    with pytest.raises(UserError, match="without a memory: train it anew"):
        caption.make_networks(methods.resolve(tiny_config(), 1), older, 0)
    with pytest.raises(UserError, match=r"its data come with data\.captions"):
        caption.make_networks(methods.resolve(tiny_config(), 1), conditions.NONE, 0)


def test_the_variants_are_what_they_say():
    assert caption_config.get_config("adversarial").loss.adversarial > 0
    with pytest.raises(ValueError, match="the variants are '' and 'adversarial'"):
        caption_config.get_config("cpu")
