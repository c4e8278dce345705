import { describe, expect, test } from "vitest";
import { humanDuration, humanSize, momentOf } from "../../src/cli/human.ts";
import { formatRows, labelsText } from "../../src/cli/rows.ts";
import { template } from "../../src/cli/template.ts";

const image = {
  Id: "sha256:ab",
  Config: { Cmd: ["sh", "-c"], Labels: { "a.b": "1" }, Env: null, User: "" },
  Size: 5,
};

describe("templates — docker formatting", () => {
  const cases: readonly (readonly [text: string, printed: string])[] = [
    ["{{.Id}}", "sha256:ab"],
    ["{{ .Config.Cmd }} {{json .Config.Cmd}}", '[sh -c] ["sh","-c"]'],
    ['{{index .Config.Labels "a.b"}}', "1"],
    ["{{.Config.Labels}}", "map[a.b:1]"],
    ["{{.Config.Env}}", "<no value>"],
    ['{{join .Config.Cmd ", "}}', "sh, -c"],
    ["{{.Id | upper}}", "SHA256:AB"],
    ["{{len .Config.Cmd}}", "2"],
    ["{{range .Config.Cmd}}<{{.}}>{{end}}", "<sh><-c>"],
    ["{{range $i, $word := .Config.Cmd}}{{$i}}={{$word}} {{end}}", "0=sh 1=-c "],
    ["{{range .Config.Env}}x{{else}}none{{end}}", "none"],
    ["{{if .Config.User}}a{{else if .Size}}b{{else}}c{{end}}", "b"],
    ["{{if eq .Size 5}}five{{end}}{{with .Config}}{{.Cmd}}{{end}}", "five[sh -c]"],
    ["a {{- .Size -}} b\\t{{`}}`}}", "a5b\t}}"],
    ['{{range (split "a,b" ",")}}{{.}};{{end}}', "a;b;"],
    ["{{$.Id}}{{/* nothing */}}", "sha256:ab"],
    [
      '{{printf "%.6s|%-4s|%4d|%04d|%q|%v|%5.1f%%" .Id "a" .Size .Size "b" .Config.Cmd 2.2}}',
      `sha256|a   |   5|0005|"b"|[sh -c]|  2.2%`,
    ],
    ['{{.Size | printf "%s-%d" "x"}} {{printf "%d" "a"}} {{printf "%s"}}', "x-5 %!d(a) %!s(MISSING)"],
    ["{{slice .Id 7}} {{slice .Id 0 3}} {{slice .Config.Cmd 1}}", "ab sha [-c]"],
    ["{{if and (gt .Size 4) (le .Size 5) (lt .Size 6) (ge .Size 5)}}yes{{end}}", "yes"],
    ['{{html "<a>"}} {{urlquery "a b&c"}} {{pad .Id 1 2}}', "&lt;a&gt; a+b%26c  sha256:ab  "],
    ['{{$x := .Size}}{{if $y := .Id}}{{$x = "in"}}{{$y}}{{end}} {{$x}}', "sha256:ab in"],
    ["{{with $c := .Config}}{{len $c.Cmd}}{{end}}{{range .Config.Cmd}}{{$z := .}}{{$z}}{{end}}", "2sh-c"],
  ];
  test.each(cases)("%s", (text, printed) => {
    expect(template(text)(image)).toBe(printed);
  });

  test.each([
    "{{.Id",
    "{{if .Id}}",
    "{{end}}",
    "{{nothing .Id}}",
    "{{.Nothing}}",
    "{{}}",
    "{{$x}}",
    "{{if $y := .Id}}{{end}}{{$y}}",
    "{{$x = 1}}",
    '{{.Id "x"}}',
  ])("%s is refused", (text) => {
    expect(() => template(text)(image)).toThrow(expect.objectContaining({ kind: "InvalidArgument" }));
  });

  test("rows: a table, JSON a line each, a template, a table by a template", () => {
    const listing = { headings: { ID: "IMAGE ID", Tag: "TAG" }, columns: ["ID", "Tag"] };
    const rows = [{ ID: "1", Tag: "a" }];
    expect(formatRows(rows, listing)).toBe("IMAGE ID   TAG\n1          a\n");
    expect(formatRows(rows, listing, "json")).toBe('{"ID":"1","Tag":"a"}\n');
    expect(formatRows(rows, listing, "{{.Tag}}/{{.ID}}")).toBe("a/1\n");
    expect(formatRows(rows, listing, "table {{.Tag}}\\t{{.ID}}")).toBe("TAG       IMAGE ID\na         1\n");
  });

  test("one label of each row", () => {
    const listing = { headings: { ID: "ID", Labels: "LABELS" }, columns: ["ID"] };
    const labels = [{ "com.example.my-app": "a,b" }, {}];
    const rows = labels.map((own, i) => ({ ID: String(i), Labels: labelsText(own) }));
    const format = '{{.ID}} {{.Label "com.example.my-app"}}|';
    expect(formatRows(rows, listing, format, labels)).toBe("0 a,b|\n1 |\n");
    expect(formatRows(rows, listing, 'table {{.Label "com.example.my-app"}}', labels)).toBe(
      "my app\na,b\n\n",
    );
    expect(formatRows(rows, listing, "json", labels)).toContain('{"ID":"1","Labels":""}\n');
  });
});

describe("sizes and times in words", () => {
  test.each([
    [0, "0B"],
    [999, "999B"],
    [1000, "1kB"],
    [4_261_550, "4.26MB"],
    [116_900_000, "117MB"],
    [1.5e12, "1.5TB"],
  ])("%d bytes are %s", (bytes, text) => {
    expect(humanSize(bytes)).toBe(text);
  });

  test.each([
    [500, "Less than a second"],
    [59_000, "59 seconds"],
    [61_000, "About a minute"],
    [3_600_000, "About an hour"],
    [47 * 3_600_000, "47 hours"],
    [13 * 86_400_000, "13 days"],
    [21 * 86_400_000, "3 weeks"],
    [100 * 86_400_000, "3 months"],
    [800 * 86_400_000, "2 years"],
  ])("%d ms are %s", (ms, text) => {
    expect(humanDuration(ms)).toBe(text);
  });

  test("a moment: a time ago, a date, seconds", () => {
    expect(momentOf("1h30m", 1e12)?.getTime()).toBe(1e12 - 5_400_000);
    expect(momentOf("2026-01-02")?.toISOString()).toBe("2026-01-02T00:00:00.000Z");
    expect(momentOf("10")?.getTime()).toBe(10_000);
    expect(momentOf("soon")).toBeUndefined();
  });
});
