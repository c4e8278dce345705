/** Machine code for what takes long, in a program that was started without (see native-shims/launcher.c). */

const withheld = ["opt", "maglev", "sparkplug"];

/** Gives V8 back the compilers that it was told to leave out. Costs nothing where it was not. */
export function optimise(): void {
  for (const name of withheld) {
    if (process.execArgv.includes(`--no-${name}`))
      process.getBuiltinModule("node:v8").setFlagsFromString(`--${name}`);
  }
}
