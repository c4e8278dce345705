/** Runs a classic BPF program on a struct seccomp_data as the kernel does, after the checks it makes when loading. */

/** One system call as a filter sees it. */
export interface SeccompData {
  readonly nr: number;
  /** AUDIT_ARCH_*. */
  readonly arch: number;
  readonly args: readonly bigint[];
}

const BPF_MAXINSNS = 4096;
const SECCOMP_DATA_SIZE = 64;

/** A program the kernel would load. */
export class BpfProgram {
  readonly #view: DataView;
  /** Instructions. */
  readonly length: number;

  /** @throws {Error} where the kernel would say EINVAL. @see Linux seccomp_check_filter, bpf_check_classic */
  constructor(filter: Uint8Array) {
    this.#view = new DataView(filter.buffer, filter.byteOffset, filter.byteLength);
    this.length = filter.byteLength / 8;
    if (!Number.isInteger(this.length) || this.length < 1 || this.length > BPF_MAXINSNS) {
      throw new Error(`${this.length} instructions`);
    }
    for (let pc = 0; pc < this.length; pc++) {
      const { code, jt, jf, k } = this.#at(pc);
      const rest = this.length - pc - 1;
      const jump = [0x15, 0x25, 0x35, 0x45].includes(code);
      const good =
        code === 0x20
          ? k % 4 === 0 && k < SECCOMP_DATA_SIZE
          : code === 0x05
            ? k < rest
            : jump
              ? jt < rest && jf < rest
              : code === 0x54 || code === 0x06;
      if (!good) throw new Error(`instruction ${pc}: code ${code} jt ${jt} jf ${jf} k ${k}`);
    }
    if (this.#at(this.length - 1).code !== 0x06) throw new Error("does not end with a return");
  }

  /** What the filter returns, and after how many instructions. */
  run({ nr, arch, args }: SeccompData): { readonly ret: number; readonly steps: number } {
    const data = new DataView(new ArrayBuffer(SECCOMP_DATA_SIZE));
    data.setUint32(0, nr, true);
    data.setUint32(4, arch, true);
    args.forEach((arg, i) => {
      data.setBigUint64(16 + 8 * i, arg, true);
    });
    let a = 0;
    for (let pc = 0, steps = 1; ; pc++, steps++) {
      const { code, jt, jf, k } = this.#at(pc);
      if (code === 0x06) return { ret: k, steps };
      if (code === 0x20) a = data.getUint32(k, true);
      else if (code === 0x54) a = (a & k) >>> 0;
      else if (code === 0x05) pc += k;
      else if (code === 0x15) pc += a === k ? jt : jf;
      else if (code === 0x25) pc += a > k ? jt : jf;
      else if (code === 0x35) pc += a >= k ? jt : jf;
      else pc += (a & k) !== 0 ? jt : jf;
    }
  }

  #at(pc: number): { code: number; jt: number; jf: number; k: number } {
    const at = pc * 8;
    return {
      code: this.#view.getUint16(at, true),
      jt: this.#view.getUint8(at + 2),
      jf: this.#view.getUint8(at + 3),
      k: this.#view.getUint32(at + 4, true),
    };
  }
}
