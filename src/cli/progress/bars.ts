/**
 * Progress for a terminal: a line with a bar for each layer. Where the terminal has fewer lines than the image layers,
 * those are shown that something happens to, and the last line counts the others.
 */
import type { ImageProgress, LayerStatus } from "../../image/progress.ts";
import { humanSize } from "../human.ts";
import type { ProgressView } from "./progress.ts";
import { finished, statusTexts } from "./status.ts";

/** One of cli-progress's bars. */
export interface Bar {
  update(value: number, payload: object): unknown;
}

/** What we use of its MultiBar. */
export interface Bars<B extends Bar = Bar> {
  create(total: number, start: number, payload: object): B;
  remove(bar: B): unknown;
  update(): unknown;
  stop(): unknown;
}

/** What we use of a terminal. */
export interface TerminalSize {
  readonly rows?: number | undefined;
  readonly columns?: number | undefined;
}

interface Layer {
  readonly id: string;
  status: LayerStatus;
  current: number;
  total: number;
}

/** Lines that stay free: the cursor's, and one above for what was typed. */
const spare = 2;

/** Draws through `bars`. */
export function barView<B extends Bar>(bars: Bars<B>, terminal: TerminalSize): ProgressView {
  const layers = new Map<string, Layer>();
  const lines: B[] = [];
  let download: Extract<ImageProgress, { type: "download" }> | undefined;
  const draw = () => {
    const columns = terminal.columns ?? 80;
    const rows = Math.max((terminal.rows ?? 24) - spare, 1);
    const first = download ? [downloadLine(download, columns)] : [];
    const texts = [
      ...first,
      ...layerLines([...layers.values()], { rows: Math.max(rows - first.length, 1), columns }),
    ];
    for (const [i, line] of texts.entries()) {
      if (i < lines.length) lines[i]!.update(0, { line });
      else lines.push(bars.create(1, 0, { line }));
    }
    // The terminal has become lower: more lines than it has would scroll it at every turn.
    for (const bar of lines.splice(texts.length)) bars.remove(bar);
  };
  return {
    onProgress(progress) {
      if (progress.type === "layers") {
        for (const { digest, size } of progress.layers) {
          layers.set(digest, { id: digest.slice(7, 19), status: "waiting", current: 0, total: size });
        }
      } else if (progress.type === "layer") {
        const layer = layers.get(progress.digest);
        if (!layer || finished.has(layer.status)) return;
        const { status, current, total } = progress;
        Object.assign(layer, { status, current, total });
      } else if (progress.type === "download") download = progress;
      else return;
      draw();
    },
    [Symbol.dispose]() {
      if (lines.length === 0) return;
      draw();
      bars.update();
      bars.stop();
    },
  };
}

/** What the lines of a terminal of this size say. */
export function layerLines(
  layers: readonly Layer[],
  { rows, columns }: { readonly rows: number; readonly columns: number },
): string[] {
  if (layers.length <= rows) return layers.map((layer) => layerLine(layer, columns));
  const isActive = ({ status }: Layer) => !finished.has(status) && status !== "waiting";
  const order = [
    ...layers.filter(isActive),
    ...layers.filter(({ status }) => status === "waiting"),
    ...layers.filter(({ status }) => finished.has(status)),
  ];
  const shown = new Set(order.slice(0, rows - 1));
  const done = layers.filter(({ status }) => finished.has(status)).length;
  const count = `${done} of ${layers.length} layers done`;
  return [
    ...layers.filter((layer) => shown.has(layer)).map((layer) => layerLine(layer, columns)),
    count.slice(0, columns - 1),
  ];
}

const longestStatus = Math.max(...Object.values(statusTexts).map((text) => text.length));
const widestBar = 40;
const narrowestBar = 8;

function layerLine({ id, status, current, total }: Layer, columns: number): string {
  const text = `${id} ${statusTexts[status]}`;
  const moves = status === "downloading" || status === "extracting" || status === "uploading";
  if (!moves || total === 0) return text.slice(0, columns - 1);
  return movingLine(text, `${id} ${statusTexts[status].padEnd(longestStatus)} `, { current, total, columns });
}

/** A file that is no layer yet. */
function downloadLine(
  { status, current, total }: Extract<ImageProgress, { type: "download" }>,
  columns: number,
): string {
  if (status === "downloaded") return `Downloaded ${humanSize(current)}`.slice(0, columns - 1);
  if (total === undefined) return `Downloading ${humanSize(current)}`.slice(0, columns - 1);
  return movingLine("Downloading", "Downloading ", { current, total, columns });
}

function movingLine(
  text: string,
  start: string,
  { current, total, columns }: { current: number; total: number; columns: number },
): string {
  const sizes = ` ${humanSize(current).padStart(6)}/${humanSize(total)}`;
  const room = Math.min(columns - 1 - start.length - sizes.length - 2, widestBar);
  if (room < narrowestBar) return `${text}${sizes}`.slice(0, columns - 1);
  const filled = total === 0 ? room : Math.min(Math.floor((current / total) * room), room);
  const bar = filled === room ? "=".repeat(room) : `${"=".repeat(filled)}>`.padEnd(room);
  return `${start}[${bar}]${sizes}`;
}
