/** Waiting, without node:timers/promises, which takes a third of a millisecond to load: a command has few of them. */

export function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}
