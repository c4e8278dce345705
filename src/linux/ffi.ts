/**
 * The one door to C: ffi-rs on our own small shared library, whose functions answer as system calls do,
 * with a result or with -errno, so that errno is never read after the fact.
 *
 * The compiled ffi-rs addon is opened by itself, without the package's JavaScript: that part detects the C
 * library by starting processes, which costs more than starting a container.
 */
import { nativePath } from "./native.ts";
import { SystemError, type SystemErrorPlace } from "./system-error.ts";

/** ffi-rs's numbers for the argument types that we use (its `DataType`). */
export const Text = 0;
export const I32 = 1;
export const I64 = 8;
export const U32 = 20;
/** A buffer, passed as a pointer to its bytes; C may write into it during the call. */
export const Bytes = 10;

type Type = typeof Text | typeof I32 | typeof I64 | typeof U32 | typeof Bytes;
type Value = number | string | Uint8Array;

interface Addon {
  open(options: { library: string; path: string }): void;
  load(call: object): unknown;
}

let addon: Addon | undefined;

function binding(): Addon {
  if (!addon) {
    // As `require` does it, whose module takes longer to load than the addon.
    const module = { exports: {} };
    process.dlopen(module, nativePath("ffi-rs.node"));
    addon = module.exports as Addon;
    addon.open({ library: "runt", path: nativePath("librunt.so") });
  }
  return addon;
}

/**
 * To be called before a worker thread that will use this module is started. A thread that ends gives up its hold on the
 * addon, and if nobody else had one, the code that the thread's destructors still need would be gone: a crash.
 */
export function keepLoaded(): void {
  binding();
}

/** Whether somebody has called C already: to load it for one call takes a while. */
export function isLoaded(): boolean {
  return addon !== undefined;
}

/** ffi-rs wants the length of an array beside its type, call by call. */
const arrayTag = 997;

function descriptor(
  funcName: string,
  types: readonly Type[],
  values: readonly Value[],
  { library, returns }: { library: string; returns: Type } = { library: "runt", returns: I64 },
): object {
  return {
    library,
    funcName,
    retType: returns,
    paramsType: types.map((type, i) =>
      type === Bytes ? { ffiTypeTag: arrayTag, type, length: (values[i] as Uint8Array).length } : type,
    ),
    paramsValue: values,
    freeResultMemory: false,
  };
}

/**
 * Calls `funcName` of librunt.so.
 * @returns its result; negative is -errno
 */
export function call(funcName: string, types: readonly Type[], values: readonly Value[]): number {
  return binding().load(descriptor(funcName, types, values)) as number;
}

/** What other threads read: the addon has only its address, so that here somebody holds on to it. */
const underWay = new Set<readonly Value[]>();

/** The same on a thread of its own, for what may block. */
export function callAsync(
  funcName: string,
  types: readonly Type[],
  values: readonly Value[],
): Promise<number> {
  const call = { ...descriptor(funcName, types, values), runInNewThread: true };
  underWay.add(values);
  return (binding().load(call) as Promise<number>).finally(() => underWay.delete(values));
}

/** A library of the system, such as "libnftables.so.1", that is opened when somebody needs it. */
export class SystemLibrary {
  readonly #file: string;

  /** @throws {Error} in the words of dlopen(3) where there is no such library */
  constructor(file: string) {
    this.#file = file;
    binding().open({ library: file, path: file });
  }

  /** @param returns what the function gives; with `Text` a string of C's, which stays C's */
  call(funcName: string, returns: Type, types: readonly Type[], values: readonly Value[]): unknown {
    return binding().load(descriptor(funcName, types, values, { library: this.#file, returns }));
  }
}

/** Gives a result back, or throws what -errno says. */
export function check(result: number, syscall: string, place?: SystemErrorPlace): number {
  if (result < 0) throw new SystemError(syscall, -result, place);
  return result;
}

const EINTR = -4;

/**
 * syscall(2) by number, with EINTR retried. Arguments are given with their types, as C would be told them.
 * @returns the result; negative is -errno
 */
export function syscall(number: number, types: readonly Type[], values: readonly Value[]): number {
  for (;;) {
    const result = call("runt_syscall", [I64, ...types], [number, ...values]);
    if (result !== EINTR) return result;
  }
}
