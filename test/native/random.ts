/** Numbers that look random and come again with the same seed. */

const interesting = [
  0, 1, 2, 3, 4, 7, 8, 255, 256, 511, 512, 513, 4095, 4096, 4097, 0x7fff_ffff, 0x8000_0000, 0xffff_fffb,
  0xffff_fffc, 0xffff_ffff,
];

/** Mulberry32: small, and good enough to choose with. */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** 0 … n-1; 0 where n is less than 1. */
  below(n: number): number {
    this.#state = (this.#state + 0x6d2b_79f5) >>> 0;
    let t = this.#state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return n < 1 ? 0 : ((t ^ (t >>> 14)) >>> 0) % Math.floor(n);
  }

  /** A number at a border of something. */
  interesting(): number {
    return interesting[this.below(interesting.length)]!;
  }
}
