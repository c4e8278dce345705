/**
 * Who waits for a container to end does what follows from it himself: quicker than a program that is started for it.
 * The file `attended`, locked, says that there is somebody; the container's exit command waits for the lock and, where
 * something is in the file by then, leaves it at that. Should the waiting process die, its lock is free and the file empty.
 */
import { constants, openSync, rmSync, writeSync } from "node:fs";
import { join } from "node:path";
import { Fd } from "../../linux/fd.ts";
import { tryLock } from "../../linux/flock.ts";
import { makeAnew } from "../../linux/make-anew.ts";

export class Attendance implements Disposable {
  readonly #file: Fd;

  private constructor(file: Fd) {
    this.#file = file;
  }

  /** Before the container is made, and after an earlier run of it is over. */
  static begin(directory: string): Attendance {
    const path = join(directory, "attended");
    const make = () => new Fd(openSync(path, constants.O_RDWR | constants.O_CREAT | constants.O_EXCL, 0o600));
    const file = makeAnew(make, "EEXIST", () => Attendance.clear(directory));
    tryLock(file.n, path);
    return new Attendance(file);
  }

  /** Nobody attends the next run. */
  static clear(directory: string): void {
    rmSync(join(directory, "attended"), { force: true });
  }

  /** All is done. */
  done(): void {
    writeSync(this.#file.n, "done\n");
  }

  /** What is not done by now the exit command does. */
  [Symbol.dispose](): void {
    this.#file[Symbol.dispose]();
  }
}
