"""The emoji encoder: pictures and phrases as vectors of one space; its training and weights."""
