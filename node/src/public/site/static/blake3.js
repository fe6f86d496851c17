// BLAKE3 (https://github.com/BLAKE3-team/BLAKE3-specs), written to be read: hash, keyed hash, derive key; 32 bytes of output.
"use strict";
var Blake3 = (() => {
  const IV = [0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19];
  const PERMUTATION = [2, 6, 3, 10, 7, 0, 4, 13, 1, 11, 12, 5, 9, 14, 15, 8];
  const [START, END, PARENT, ROOT, KEYED, CONTEXT, MATERIAL] = [1, 2, 4, 8, 16, 32, 64];
  const BLOCK = 64;
  const CHUNK = 1024;

  const turn = (x, by) => (x >>> by) | (x << (32 - by));

  function mix(v, a, b, c, d, x, y) {
    v[a] = (v[a] + v[b] + x) | 0;
    v[d] = turn(v[d] ^ v[a], 16);
    v[c] = (v[c] + v[d]) | 0;
    v[b] = turn(v[b] ^ v[c], 12);
    v[a] = (v[a] + v[b] + y) | 0;
    v[d] = turn(v[d] ^ v[a], 8);
    v[c] = (v[c] + v[d]) | 0;
    v[b] = turn(v[b] ^ v[c], 7);
  }

  // The eight words that a block of sixteen words makes of a chaining value.
  function compress(chain, words, counter, length, flags) {
    // A counter above 2^32 would be a message of 4 TiB.
    const v = new Int32Array([...chain, ...IV.slice(0, 4), counter, 0, length, flags]);
    let m = words;
    for (let round = 0; round < 7; round++) {
      mix(v, 0, 4, 8, 12, m[0], m[1]);
      mix(v, 1, 5, 9, 13, m[2], m[3]);
      mix(v, 2, 6, 10, 14, m[4], m[5]);
      mix(v, 3, 7, 11, 15, m[6], m[7]);
      mix(v, 0, 5, 10, 15, m[8], m[9]);
      mix(v, 1, 6, 11, 12, m[10], m[11]);
      mix(v, 2, 7, 8, 13, m[12], m[13]);
      mix(v, 3, 4, 9, 14, m[14], m[15]);
      m = PERMUTATION.map((from) => m[from]);
    }
    return Array.from({ length: 8 }, (_, i) => v[i] ^ v[i + 8]);
  }

  function wordsOf(bytes) {
    const block = new Uint8Array(BLOCK);
    block.set(bytes);
    const view = new DataView(block.buffer);
    return Array.from({ length: 16 }, (_, i) => view.getInt32(4 * i, true));
  }

  function chunk(bytes, key, counter, flags, last) {
    let chain = key;
    const blocks = Math.max(1, Math.ceil(bytes.length / BLOCK));
    for (let i = 0; i < blocks; i++) {
      const block = bytes.subarray(i * BLOCK, (i + 1) * BLOCK);
      const ends = i === blocks - 1;
      const own = flags | (i === 0 ? START : 0) | (ends ? END | last : 0);
      chain = compress(chain, wordsOf(block), counter, block.length, own);
    }
    return chain;
  }

  // The left part of a tree is the largest power of two of chunks that leaves something on the right.
  function tree(bytes, key, counter, flags, last) {
    if (bytes.length <= CHUNK) return chunk(bytes, key, counter, flags, last);
    let left = CHUNK;
    while (left * 2 < bytes.length) left *= 2;
    const words = [
      ...tree(bytes.subarray(0, left), key, counter, flags, 0),
      ...tree(bytes.subarray(left), key, counter + left / CHUNK, flags, 0),
    ];
    return compress(key, words, 0, BLOCK, flags | PARENT | last);
  }

  function output(words) {
    const view = new DataView(new ArrayBuffer(32));
    words.forEach((word, i) => view.setInt32(4 * i, word, true));
    return new Uint8Array(view.buffer);
  }

  const hashed = (bytes, key, flags) => output(tree(bytes, key, 0, flags, ROOT));
  const keyOf = (bytes) => wordsOf(bytes).slice(0, 8);

  const hash = (bytes) => hashed(bytes, IV, 0);
  const keyed = (key, bytes) => hashed(bytes, keyOf(key), KEYED);
  const derive = (context, bytes) => {
    const contextKey = hashed(new TextEncoder().encode(context), IV, CONTEXT);
    return hashed(bytes, keyOf(contextKey), MATERIAL);
  };
  return { hash, keyed, derive };
})();
