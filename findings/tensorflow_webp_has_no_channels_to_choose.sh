#!/usr/bin/env bash
# TensorFlow 2.21.0: `tf.io.decode_image(channels=4)` makes four channels of any PNG or BMP, and
# refuses a WebP that has none but opaque pixels; `channels=3` refuses one that has alpha. A folder
# of emoji saved by one command as lossless WebP has both kinds, as the encoder leaves out the alpha
# of what fills its square (flags, keycaps). With channels=0 each has what its file has, and a still
# WebP has a dimension of frames, as a GIF has and a PNG has not.
# Seen 2026-11-30: "full square, channels 4: PNG (4, 4, 4), WEBP InvalidArgumentError";
# "round, channels 3: PNG (4, 4, 3), WEBP InvalidArgumentError"; "round, channels 0: PNG (4, 4, 4),
# WEBP (1, 4, 4, 4)".
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet tensorflow-cpu==2.21.0 pillow==13.0.0
cat > "$folder/channels.py" <<'PYTHON'
"""Decodes two RGBA pictures, from PNG and from WebP, with the channels asked for."""

import io

import tensorflow as tf
from PIL import Image

full = Image.new("RGBA", (4, 4), (210, 47, 39, 255))
corner = full.copy()
corner.putpixel((0, 0), (0, 0, 0, 0))
for name, picture in (("full square", full), ("round", corner)):
    for channels in (0, 3, 4):
        outcomes = []
        for kind, options in (("PNG", {}), ("WEBP", {"lossless": True})):
            out = io.BytesIO()
            picture.save(out, kind, **options)
            try:
                shape = tf.io.decode_image(out.getvalue(), channels=channels).shape
                outcomes.append(f"{kind} {tuple(shape)}")
            except tf.errors.InvalidArgumentError:
                outcomes.append(f"{kind} InvalidArgumentError")
        print(f"{name}, channels {channels}: {', '.join(outcomes)}")
PYTHON
seen=$(TF_CPP_MIN_LOG_LEVEL=3 "$folder/venv/bin/python" "$folder/channels.py" 2>/dev/null)
echo "$seen"
[[ $seen == *"full square, channels 4: PNG (4, 4, 4), WEBP InvalidArgumentError"* ]]
[[ $seen == *"full square, channels 3: PNG (4, 4, 3), WEBP (1, 4, 4, 3)"* ]]
[[ $seen == *"round, channels 3: PNG (4, 4, 3), WEBP InvalidArgumentError"* ]]
[[ $seen == *"round, channels 4: PNG (4, 4, 4), WEBP (1, 4, 4, 4)"* ]]
[[ $seen == *"round, channels 0: PNG (4, 4, 4), WEBP (1, 4, 4, 4)"* ]]
