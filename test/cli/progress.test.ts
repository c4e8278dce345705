import { describe, expect, test } from "vitest";
import { barView, layerLines } from "../../src/cli/progress/bars.ts";
import { lineView } from "../../src/cli/progress/lines.ts";
import type { LayerStatus } from "../../src/image/progress.ts";
import type { Descriptor } from "../../src/spec/image/descriptor.ts";
import { digestOf } from "../../src/spec/image/digest.ts";

const layers = (count: number, status: (i: number) => LayerStatus) =>
  Array.from({ length: count }, (_, i) => ({
    id: `layer-${i}`.padEnd(12),
    status: status(i),
    current: 50,
    total: 100,
  }));

describe("progress on a terminal", () => {
  test("a line a layer, with a bar where something happens", () => {
    const lines = layerLines(
      layers(3, (i) => (["pulled", "downloading", "waiting"] as const)[i]!),
      { rows: 10, columns: 80 },
    );
    expect(lines[0]).toBe("layer-0      Pull complete");
    expect(lines[1]).toMatch(/^layer-1 {6}Downloading {4}\[=+> +\] {4}50B\/100B$/);
    expect(lines[2]).toBe("layer-2      Waiting");
  });

  test.each([200, 80, 50, 40, 30, 12, 2])("nothing is wider than a terminal of %d columns", (columns) => {
    const all = layers(30, (i) => (["pulled", "downloading", "extracting", "waiting"] as const)[i % 4]!);
    for (const rows of [1, 2, 5, 40]) {
      const lines = layerLines(all, { rows, columns });
      expect(lines.length).toBeLessThanOrEqual(Math.max(rows, 1));
      expect(Math.max(...lines.map((line) => line.length))).toBeLessThan(columns);
    }
  });

  test("in a low terminal those are shown that something happens to, then those to come; the last line counts", () => {
    const all = layers(9, (i) => (i < 4 ? "pulled" : i < 6 ? "downloading" : "waiting"));
    const lines = layerLines(all, { rows: 4, columns: 80 });
    expect(lines.map((line) => line.slice(0, 7))).toEqual(["layer-4", "layer-5", "layer-6", "4 of 9 "]);
  });

  test("the terminal may change its size meanwhile", () => {
    const size = { rows: 10, columns: 80 };
    const shown: string[] = [];
    const bars = {
      create(_total: number, _start: number, payload: { line?: string }) {
        const bar = {
          text: payload.line!,
          update: (_: number, p: { line?: string }) => Object.assign(bar, { text: p.line }),
        };
        shown.push(payload.line!);
        all.push(bar);
        return bar;
      },
      remove: (bar: object) => all.splice(all.indexOf(bar as never), 1),
      update() {},
      stop() {},
    };
    const all: { text: string; update(value: number, payload: object): unknown }[] = [];
    const view = barView(bars, size);
    const list: Descriptor[] = Array.from({ length: 6 }, (_, i) => ({
      mediaType: "",
      digest: digestOf(String(i)),
      size: 10,
    }));
    view.onProgress({ type: "layers", layers: list });
    expect(all).toHaveLength(6);
    size.rows = 5;
    view.onProgress({ type: "layer", digest: list[0]!.digest, status: "pulled", current: 10, total: 10 });
    expect(all.map(({ text }) => text).at(-1)).toBe("1 of 6 layers done");
    expect(all).toHaveLength(3);
    size.rows = 20;
    view.onProgress({ type: "layer", digest: list[1]!.digest, status: "pulled", current: 10, total: 10 });
    expect(all).toHaveLength(6);
  });
});

describe("progress elsewhere", () => {
  test("a line for each layer when it is done, once", () => {
    const printed: string[] = [];
    const view = lineView((text) => printed.push(text));
    const digest = digestOf("a");
    for (const status of ["waiting", "downloading", "pulled", "pulled"] as const) {
      view.onProgress({ type: "layer", digest, status, current: 0, total: 1 });
    }
    expect(printed).toEqual([`${digest.slice(7, 19)}: Pull complete\n`]);
  });
});
