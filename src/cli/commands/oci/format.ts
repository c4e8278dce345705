/** `--format` of the commands that list something. */
export const format = {
  type: "choice",
  value: "format",
  short: "f",
  choices: ["table", "json"],
  default: "table",
  summary: "for people or for programs",
  otherwise: () => "invalid format option",
} as const;
