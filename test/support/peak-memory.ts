/** What a program took, looked up while it ran. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";

/** Of one process, its threads included. */
export interface Consumption {
  readonly status: number | null;
  /** The most that was resident at once. */
  readonly peakKb: number;
  readonly wallMs: number;
  /** Of all processors together. */
  readonly cpuMs: number;
  readonly stderr: string;
}

const everyMs = 5;
/** USER_HZ, the same on all of Linux' machines that Node runs on. */
const tickMs = 10;

/** Runs a program to its end. */
export async function consumptionOf(
  command: readonly string[],
  env: NodeJS.ProcessEnv = process.env,
): Promise<Consumption> {
  const start = performance.now();
  const child = spawn(command[0]!, command.slice(1), { stdio: ["ignore", "ignore", "pipe"], env });
  const chunks: Buffer[] = [];
  child.stderr.on("data", (chunk: Buffer) => chunks.push(chunk));
  let [peakKb, cpuMs] = [0, 0];
  const look = () => {
    try {
      const status = readFileSync(`/proc/${child.pid}/status`, "latin1");
      // A maximum that the kernel keeps: nothing between two looks is missed but what comes after the last.
      peakKb = Math.max(peakKb, Number(/^VmHWM:\s+(\d+)/m.exec(status)?.[1] ?? 0));
      const stat = readFileSync(`/proc/${child.pid}/stat`, "latin1");
      const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
      cpuMs = Math.max(cpuMs, (Number(fields[11]) + Number(fields[12])) * tickMs);
    } catch {} // it has ended
  };
  const timer = setInterval(look, everyMs);
  try {
    const [status] = (await once(child, "close")) as [number | null];
    const stderr = Buffer.concat(chunks).toString("utf8");
    return { status, peakKb, wallMs: performance.now() - start, cpuMs, stderr };
  } finally {
    clearInterval(timer);
  }
}
