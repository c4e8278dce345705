/**
 * A program for memory.test.ts: a long-lived process that embeds the library. Makes `warmUp` containers and then `count`,
 * and writes what it uses at five moments from the first to the last of those.
 *
 * `node --expose-gc embed.ts '{"bundle":…,"root":…,"warmUp":500,"count":3000}'`
 */
import { readdirSync, readFileSync } from "node:fs";
import { createContainer } from "../../src/runtime/library/container.ts";
import { run } from "../../src/runtime/library/run.ts";

const order = JSON.parse(process.argv[2]!) as { bundle: string; root: string; warmUp: number; count: number };

async function one(n: number): Promise<void> {
  const options = { bundle: order.bundle, root: order.root };
  if (n % 3 === 0) {
    await run(options);
    return;
  }
  await using container = await createContainer({ ...options, stdio: n % 3 === 1 ? "pipe" : "ignore" });
  await container.start();
  container.stdout?.resume();
  container.stderr?.resume();
  if (n % 2 === 0) await container.kill("SIGKILL").catch(() => {});
  await container.wait();
}

async function many(count: number): Promise<void> {
  let n = count;
  const worker = async (): Promise<void> => {
    while (n-- > 0) await one(n);
  };
  await Promise.all(Array.from({ length: 4 }, worker));
}

async function report(): Promise<void> {
  // What is closed and collected in later turns is no growth.
  for (let i = 0; i < 5; i++) {
    await new Promise((resolve) => setTimeout(resolve, 20));
    global.gc!();
  }
  const rss = Number(/^RssAnon:\s+(\d+)/m.exec(readFileSync("/proc/self/status", "latin1"))![1]) * 1024;
  const { heapUsed, external } = process.memoryUsage();
  const fds = readdirSync("/proc/self/fd").length;
  const listeners = process.eventNames().reduce((sum, name) => sum + process.listenerCount(name), 0);
  process.stdout.write(`${JSON.stringify({ heapUsed, external, rss, fds, listeners })}\n`);
}

await many(order.warmUp);
await report();
for (let i = 0; i < 4; i++) {
  await many(order.count / 4);
  await report();
}
