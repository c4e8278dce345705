/** Lists of things as docker prints them: a table, JSON a line each, or a template of the caller's. */
import { json, table } from "./output.ts";
import { template } from "./template.ts";

/** How one kind of thing is listed. */
export interface Listing {
  /** Fields that a template may name, with the heading that each has in a table. */
  readonly headings: Readonly<Record<string, string>>;
  /** Of these, those of the table that nobody described. */
  readonly columns: readonly string[];
}

/** One thing: the text of each field. */
export type Row = Readonly<Record<string, string>>;

/** Of the rows that have labels: those that a template asks for one by one, `{{.Label "name"}}`. */
export type Labels = Readonly<Record<string, string>>;

/** "a=1,b=2": the field `Labels` of a row. */
export function labelsText(labels: Labels): string {
  return Object.entries(labels)
    .map(([name, value]) => `${name}=${value}`)
    .join(",");
}

/** docker's tables have columns of ten characters at least. */
const leastWidth = 10;

/**
 * The text of `rows`.
 * @param format "table", "json", a template, or "table TEMPLATE" with the columns between tabs
 * @param labels of each row, where such things have labels
 * @throws {RuntError} InvalidArgument for a template that is none
 */
export function formatRows(
  rows: readonly Row[],
  { headings, columns }: Listing,
  format = "table",
  labels?: readonly Labels[],
): string {
  if (format === "json") return rows.map((row) => `${json(row)}\n`).join("");
  if (format === "table") {
    const head = columns.map((field) => headings[field]!);
    return table([head, ...rows.map((row) => columns.map((field) => row[field] ?? ""))], leastWidth);
  }
  const isTable = /^table\s/.test(format);
  const print = template(isTable ? format.replace(/^table\s+/, "") : format);
  // Not one of the row's fields, which are shown together: a function that templates call.
  const labelled = (row: Row, label: (name: string) => string) =>
    labels ? Object.defineProperty({ ...row }, "Label", { value: label }) : row;
  const lines = rows.map((row, i) =>
    print(labelled(row, (name) => (Object.hasOwn(labels![i]!, name) ? labels![i]![name]! : ""))),
  );
  if (!isTable) return lines.map((line) => `${line}\n`).join("");
  return table(
    [print(labelled(headings, labelHeading)), ...lines].map((line) => line.split("\t")),
    leastWidth,
  );
}

/** docker's heading of one label: what follows its last dot. */
function labelHeading(name: string): string {
  return name.slice(name.lastIndexOf(".") + 1).replaceAll(/[-_]/g, " ");
}
