/** bpf(2): loads programs and hangs them on cgroups. */
import { Fd } from "./fd.ts";
import { Bytes, call, check, I32, I64, syscall } from "./ffi.ts";
import { raisingMemlock } from "./memlock.ts";
import { SYS } from "./syscall-numbers.ts";
import { SystemError } from "./system-error.ts";

/** `<linux/bpf.h>` */
export const BPF_PROG_TYPE_CGROUP_DEVICE = 15;
export const BPF_CGROUP_DEVICE = 6;
export const BPF_F_ALLOW_MULTI = 0x2;
export const BPF_F_REPLACE = 0x4;

const BPF_PROG_LOAD = 5;
const BPF_PROG_ATTACH = 8;
const BPF_PROG_DETACH = 9;
const BPF_PROG_GET_FD_BY_ID = 13;
const BPF_PROG_QUERY = 16;

const EPERM = -1;
const EAGAIN = -11;
const EINVAL = -22;
const EACCES = -13;

/** A program as bpf(2) takes it. */
export interface BpfProgram {
  /** BPF_PROG_TYPE_ */
  readonly type: number;
  /** `struct bpf_insn`, 8 bytes each, in the machine's byte order. */
  readonly instructions: Uint8Array;
  /** At most 15 letters, digits, "_" and "."; what bpftool shows. */
  readonly name: string;
}

/** Memory that C reads through addresses written in it: `union bpf_attr` first, then what that points to. */
class Block {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly view: DataView;
  readonly #address: bigint;

  constructor(size: number) {
    // An ArrayBuffer of its own: the bytes of a small typed array may lie in the JavaScript heap and move.
    this.bytes = new Uint8Array(new ArrayBuffer(size));
    this.view = new DataView(this.bytes.buffer);
    // memmove(3) of nothing gives back the address it was given.
    this.#address = BigInt(call("memmove", [Bytes, Bytes, I64], [this.bytes, this.bytes, 0]));
  }

  setPointer(at: number, target: number): void {
    this.view.setBigUint64(at, this.#address + BigInt(target), true);
  }
}

function bpf(command: number, attr: Uint8Array, size = attr.length): number {
  for (let tries = 0; ; tries++) {
    const result = syscall(SYS.bpf, [I32, Bytes, I32], [command, attr, size]);
    // The verifier gives up at a pending signal.
    if (result !== EAGAIN || tries === 30) return result;
  }
}

const attrSize = 64;
const licenseAt = 64;
const instructionsAt = 80;
const logSize = 64 * 1024;
const license = "Apache-2.0";

function loadBlock({ type, instructions, name }: BpfProgram, log: 0 | 1): Block {
  const logAt = instructionsAt + instructions.length;
  const block = new Block(logAt + log * logSize);
  const { view, bytes } = block;
  view.setUint32(0, type, true);
  view.setUint32(4, instructions.length / 8, true);
  block.setPointer(8, instructionsAt);
  block.setPointer(16, licenseAt);
  if (log) {
    view.setUint32(24, 1, true);
    view.setUint32(28, logSize, true);
    block.setPointer(32, logAt);
  }
  const texts = Buffer.from(bytes.buffer);
  texts.write(name.slice(0, 15), 48, "latin1");
  texts.write(license, licenseAt, "latin1");
  bytes.set(instructions, instructionsAt);
  return block;
}

/**
 * BPF_PROG_LOAD. The caller owns the fd; an attached program outlives it.
 * @throws {SystemError} EPERM without CAP_BPF or CAP_SYS_ADMIN in the initial user namespace; EINVAL and
 *   EACCES with the verifier's last words, when it refuses the program
 */
export function bpfProgLoad(program: BpfProgram): Fd {
  const load = (): number => bpf(BPF_PROG_LOAD, loadBlock(program, 0).bytes, attrSize);
  let fd = load();
  if (fd === EPERM) fd = raisingMemlock(load);
  if (fd === EINVAL || fd === EACCES) throw verifierError(program, -fd);
  return new Fd(check(fd, "bpf(BPF_PROG_LOAD)"));
}

function verifierError(program: BpfProgram, errno: number): SystemError {
  const block = loadBlock(program, 1);
  const fd = bpf(BPF_PROG_LOAD, block.bytes, attrSize);
  if (fd >= 0) new Fd(fd)[Symbol.dispose]();
  const log = block.bytes.subarray(instructionsAt + program.instructions.length);
  const text = new TextDecoder().decode(log.subarray(0, log.indexOf(0)));
  const lastWords = text.trimEnd().split("\n").slice(-3).join("; ");
  return new SystemError(`bpf(BPF_PROG_LOAD)${lastWords ? ` [${lastWords}]` : ""}`, errno);
}

function attachAttr(words: readonly number[]): Uint8Array {
  return new Uint8Array(Uint32Array.from(words).buffer);
}

/**
 * BPF_PROG_ATTACH of `program` to the cgroup open at `target`.
 * @param attachType BPF_CGROUP_DEVICE and the like
 * @param replaced the attached program whose place it takes, in one step
 * @throws {SystemError} EPERM; EBADF for what is no cgroup; ENOENT where `replaced` is not attached
 */
export function bpfProgAttach(target: Fd, program: Fd, attachType: number, replaced?: Fd): void {
  const flags = replaced ? BPF_F_ALLOW_MULTI | BPF_F_REPLACE : BPF_F_ALLOW_MULTI;
  const attr = attachAttr([target.n, program.n, attachType, flags, replaced?.n ?? 0]);
  check(bpf(BPF_PROG_ATTACH, attr), "bpf(BPF_PROG_ATTACH)");
}

/** BPF_PROG_DETACH. @throws {SystemError} ENOENT where it is not attached */
export function bpfProgDetach(target: Fd, program: Fd, attachType: number): void {
  check(bpf(BPF_PROG_DETACH, attachAttr([target.n, program.n, attachType, 0, 0])), "bpf(BPF_PROG_DETACH)");
}

const ENOSPC = -28;

/** BPF_PROG_QUERY: the ids of the programs attached to the cgroup itself, in the order in which they run. */
export function bpfProgQuery(target: Fd, attachType: number): number[] {
  for (let room = 64; ; room *= 4) {
    const block = new Block(attrSize + 4 * room);
    block.view.setUint32(0, target.n, true);
    block.view.setUint32(4, attachType, true);
    block.setPointer(16, attrSize);
    block.view.setUint32(24, room, true);
    const result = bpf(BPF_PROG_QUERY, block.bytes, attrSize);
    if (result === ENOSPC && room < 4096) continue;
    check(result, "bpf(BPF_PROG_QUERY)");
    const count = block.view.getUint32(24, true);
    return Array.from({ length: count }, (_, i) => block.view.getUint32(attrSize + 4 * i, true));
  }
}

/** BPF_PROG_GET_FD_BY_ID. The caller owns the fd. @throws {SystemError} ENOENT when it is gone; EPERM; EACCES */
export function bpfProgGetFdById(id: number): Fd {
  return new Fd(check(bpf(BPF_PROG_GET_FD_BY_ID, attachAttr([id, 0, 0])), "bpf(BPF_PROG_GET_FD_BY_ID)"));
}
