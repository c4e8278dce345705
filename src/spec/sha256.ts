/** SHA-256 of short texts, such as names and paths: node:crypto takes a hundred times longer to load than this takes. */

/** The first 32 bits of the fractional parts of a root of the first 64 primes, as FIPS 180-4 wants its constants. */
function fractions(root: number, count: number): Uint32Array {
  const found: number[] = [];
  for (let n = 2; found.length < count; n++) {
    let isPrime = true;
    for (let d = 2; d * d <= n; d++) if (n % d === 0) isPrime = false;
    if (isPrime) found.push((n ** (1 / root) % 1) * 2 ** 32);
  }
  return Uint32Array.from(found);
}

const rotated = (word: number, by: number): number => (word >>> by) | (word << (32 - by));

/** @see FIPS 180-4, 6.2 */
export function sha256(text: string): Buffer {
  const rounds = fractions(3, 64);
  const state = fractions(2, 8);
  const bytes = Buffer.from(text);
  const padded = Buffer.alloc((((bytes.length + 8) >> 6) + 1) << 6);
  padded.set(bytes);
  padded[bytes.length] = 0x80;
  padded.writeUInt32BE(bytes.length * 8, padded.length - 4);
  const words = new Uint32Array(64);
  for (let block = 0; block < padded.length; block += 64) {
    for (let i = 0; i < 64; i++) words[i] = i < 16 ? padded.readUInt32BE(block + 4 * i) : scheduled(words, i);
    let [a, b, c, d, e, f, g, h] = state as unknown as [
      number,
      number,
      number,
      number,
      number,
      number,
      number,
      number,
    ];
    for (let i = 0; i < 64; i++) {
      const s1 = rotated(e, 6) ^ rotated(e, 11) ^ rotated(e, 25);
      const t1 = (h + s1 + ((e & f) ^ (~e & g)) + rounds[i]! + words[i]!) | 0;
      const s0 = rotated(a, 2) ^ rotated(a, 13) ^ rotated(a, 22);
      const t2 = (s0 + ((a & b) ^ (a & c) ^ (b & c))) | 0;
      [h, g, f, e, d, c, b, a] = [g, f, e, (d + t1) | 0, c, b, a, (t1 + t2) | 0];
    }
    for (const [i, word] of [a, b, c, d, e, f, g, h].entries()) state[i]! += word;
  }
  const digest = Buffer.alloc(32);
  for (const [i, word] of state.entries()) digest.writeUInt32BE(word, 4 * i);
  return digest;
}

function scheduled(words: Uint32Array, i: number): number {
  const [w2, w15] = [words[i - 2]!, words[i - 15]!];
  const s0 = rotated(w15, 7) ^ rotated(w15, 18) ^ (w15 >>> 3);
  const s1 = rotated(w2, 17) ^ rotated(w2, 19) ^ (w2 >>> 10);
  return words[i - 16]! + s0 + words[i - 7]! + s1;
}
