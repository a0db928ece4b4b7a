// Writes PNG files with straight alpha: a canvas would multiply colours by alpha and round them.

function crcOf(bytes) {
  let crc = -1;
  for (const byte of bytes) {
    crc ^= byte;
    for (let i = 0; i < 8; i++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  }
  return ~crc >>> 0;
}

function chunk(type, data) {
  const bytes = new Uint8Array(12 + data.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, data.length);
  bytes.set(new TextEncoder().encode(type), 4);
  bytes.set(data, 8);
  view.setUint32(8 + data.length, crcOf(bytes.subarray(4, 8 + data.length)));
  return bytes;
}

/** Returns pixels enlarged by a whole number of times, each as a square. */
export function enlarged(pixels, side, times) {
  const words = new Uint32Array(pixels.buffer, pixels.byteOffset, side * side);
  const large = new Uint32Array((side * times) ** 2);
  for (let i = 0; i < large.length; i++) {
    const [y, x] = [Math.floor(i / (side * times)), i % (side * times)];
    large[i] = words[Math.floor(y / times) * side + Math.floor(x / times)];
  }
  return new Uint8ClampedArray(large.buffer);
}

/** Encodes a square of straight RGBA; `texts` become text chunks. Returns a Blob. */
export async function pngOf(pixels, side, texts) {
  const rows = new Uint8Array(side * (side * 4 + 1)); // each begins with its filter, 0: none
  for (let y = 0; y < side; y++) {
    rows.set(pixels.subarray(y * side * 4, (y + 1) * side * 4), y * (side * 4 + 1) + 1);
  }
  const packed = new Blob([rows]).stream().pipeThrough(new CompressionStream("deflate"));
  const header = new Uint8Array(13);
  new DataView(header.buffer).setUint32(0, side);
  new DataView(header.buffer).setUint32(4, side);
  header.set([8, 6], 8); // 8 bits, RGBA
  const notes = Object.entries(texts).map(([name, text]) =>
    chunk("iTXt", new TextEncoder().encode(`${name}\0\0\0\0\0${text}`)),
  );
  const data = new Uint8Array(await new Response(packed).arrayBuffer());
  const signature = new Uint8Array([137, 80, 78, 71, 13, 10, 26, 10]);
  const chunks = [chunk("IHDR", header), ...notes, chunk("IDAT", data)];
  const end = chunk("IEND", new Uint8Array(0));
  return new Blob([signature, ...chunks, end], { type: "image/png" });
}
