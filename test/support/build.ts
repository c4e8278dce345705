/** Once before all tests: the probe is compiled, so that a machine without a compiler can be given this tree. */
import { probePath } from "./probe.ts";

export default function setup(): void {
  probePath();
}
