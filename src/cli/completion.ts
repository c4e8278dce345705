/** Completion scripts, made from the same objects as help. Container ids come from `list --quiet` when Tab is hit. */
import { RuntError } from "../errors.ts";
import { type Command, commandsOf, type Program } from "./command.ts";
import { longName, type OptionSpec, type OptionSpecs } from "./option.ts";

/** One word that may stand for an option, and what may follow it. */
interface Flag {
  readonly long: string;
  readonly short?: string;
  readonly summary: string;
  /** What its value is: nothing, one of some words, or a file name. */
  readonly value: "none" | "file" | readonly string[];
}

function flags(options: OptionSpecs): Flag[] {
  const help: Flag = { long: "help", short: "h", summary: "show help", value: "none" };
  const declared = Object.entries(options)
    .filter(([, spec]) => !spec.hidden)
    .map(([key, spec]) => ({
      long: longName(key),
      ...(spec.short && { short: spec.short }),
      summary: spec.summary,
      value: valueFor(spec),
    }));
  return [...declared, help];
}

function valueFor(spec: OptionSpec): Flag["value"] {
  if (spec.type === "boolean") return "none";
  return spec.type === "choice" ? spec.choices : "file";
}

const takesContainer = (c: Command) => c.operands[0] === "container-id";

const words = (fs: readonly Flag[]) =>
  fs.flatMap((f) => (f.short ? [`--${f.long}`, `-${f.short}`] : [`--${f.long}`]));

/** Options that a value follows, as a pattern of `case`. */
const valued = (fs: readonly Flag[]) => words(fs.filter((f) => f.value !== "none")).join("|");

const writers: Readonly<Record<string, (program: Program, commands: readonly Command[]) => string>> = {
  bash,
  zsh,
  fish,
};

/**
 * The script for a shell.
 * @throws {RuntError} InvalidArgument for a shell that there is none for
 */
export function completionScript(program: Program, shell: string): string {
  const writer = Object.hasOwn(writers, shell) ? writers[shell] : undefined;
  if (!writer) {
    const what = `no completion for ${JSON.stringify(shell)}: bash, zsh or fish`;
    throw new RuntError("InvalidArgument", what, { operation: "completion" });
  }
  return writer(program, commandsOf(program));
}

function bash(program: Program, commands: readonly Command[]): string {
  const name = `_${program.name.replaceAll("-", "_")}`;
  const globals = flags(program.options);
  const choices = (fs: readonly Flag[]) =>
    fs
      .filter((f) => Array.isArray(f.value))
      .map(
        (f) =>
          `    ${words([f]).join("|")}) COMPREPLY=($(compgen -W "${(f.value as string[]).join(" ")}" -- "$cur")); return ;;\n`,
      )
      .join("");
  const files = (fs: readonly Flag[]) => {
    const pattern = words(fs.filter((f) => f.value === "file")).join("|");
    return pattern ? `    ${pattern}) COMPREPLY=($(compgen -f -- "$cur")); return ;;\n` : "";
  };
  const cases = commands.map((c) => {
    const own = flags(c.options);
    const operand = takesContainer(c) ? `$(${program.name} "\${root[@]}" list --quiet 2>/dev/null)` : "";
    return `  ${c.name})
    case "$prev" in
${choices(own)}${files(own)}    esac
    case "$cur" in
    -*) COMPREPLY=($(compgen -W "${words(own).join(" ")}" -- "$cur")) ;;
    *) COMPREPLY=(${operand ? `$(compgen -W "${operand}" -- "$cur")` : `$(compgen -f -- "$cur")`}) ;;
    esac ;;
`;
  });
  return `# bash completion for ${program.name}
${name}() {
  local cur=\${COMP_WORDS[COMP_CWORD]} prev=\${COMP_WORDS[COMP_CWORD-1]} command= i root=()
  COMPREPLY=()
  for ((i = 1; i < COMP_CWORD; i++)); do
    case "\${COMP_WORDS[i]}" in
    --root) root=(--root "\${COMP_WORDS[i+1]}"); ((i++)) ;;
    ${valued(globals)}) ((i++)) ;;
    -*) ;;
    *) command=\${COMP_WORDS[i]}; break ;;
    esac
  done
  case "$command" in
  "")
    case "$prev" in
${choices(globals)}${files(globals)}    esac
    case "$cur" in
    -*) COMPREPLY=($(compgen -W "${[...words(globals), "--version"].join(" ")}" -- "$cur")) ;;
    *) COMPREPLY=($(compgen -W "${[...commands.map((c) => c.name), "help"].join(" ")}" -- "$cur")) ;;
    esac ;;
  help) COMPREPLY=($(compgen -W "${commands.map((c) => c.name).join(" ")}" -- "$cur")) ;;
${cases.join("")}  esac
}
complete -o filenames -o bashdefault -F ${name} ${program.name}
`;
}

const quoted = (text: string) => `'${text.replaceAll("'", "'\\''")}'`;

function zsh(program: Program, commands: readonly Command[]): string {
  const name = `_${program.name}`;
  const argument = (f: Flag) => {
    const what = f.summary.replaceAll(/[[\]:\\]/g, "\\$&");
    const action =
      f.value === "none" ? "" : Array.isArray(f.value) ? `:value:(${f.value.join(" ")})` : ":value:_files";
    const forms = f.short ? `{-${f.short},--${f.long}}` : `--${f.long}`;
    return `${forms}${quoted(`[${what}]${action}`)}`;
  };
  const described = commands.map((c) => quoted(`${c.name}:${c.summary}`)).join(" ");
  const cases = commands.map((c) => {
    const operand = takesContainer(c)
      ? ` '1:container:${name}_containers'`
      : c.operands.length > 0
        ? " '*:file:_files'"
        : "";
    const rest = c.passesThrough ? " '*::arguments:_normal'" : "";
    return `    ${c.name}) _arguments ${flags(c.options).map(argument).join(" ")}${operand}${rest} ;;\n`;
  });
  return `#compdef ${program.name}
# zsh completion for ${program.name}
${name}_containers() {
  local -a ids root
  [[ -n \${opt_args[--root]} ]] && root=(--root \${opt_args[--root]})
  ids=(\${(f)"$(${program.name} $root list --quiet 2>/dev/null)"})
  compadd -a ids
}
${name}() {
  local -a commands
  local state line
  typeset -A opt_args
  commands=(${described})
  _arguments -C ${flags(program.options).map(argument).join(" ")} '--version[show the version]' '1: :->command' '*:: :->arguments'
  case $state in
  command) _describe command commands ;;
  arguments)
    case $words[1] in
${cases.join("")}    esac ;;
  esac
}
if [[ $funcstack[1] == ${name} ]]; then ${name} "$@"; else compdef ${name} ${program.name}; fi
`;
}

function fish(program: Program, commands: readonly Command[]): string {
  const name = program.name;
  const names = commands.map((c) => c.name).join(" ");
  const option = (condition: string, f: Flag) => {
    const short = f.short ? ` -s ${f.short}` : "";
    const value =
      f.value === "none" ? "" : Array.isArray(f.value) ? ` -x -a ${quoted(f.value.join(" "))}` : " -r -F";
    return `complete -c ${name} -n ${quoted(condition)} -l ${f.long}${short}${value} -d ${quoted(f.summary)}\n`;
  };
  const none = `not __fish_seen_subcommand_from ${names}`;
  const lines = [
    `# fish completion for ${name}\n`,
    `complete -c ${name} -f\n`,
    ...flags(program.options).map((f) => option(none, f)),
    ...commands.flatMap((c) => {
      const within = `__fish_seen_subcommand_from ${c.name}`;
      const ids = takesContainer(c)
        ? [`complete -c ${name} -n ${quoted(within)} -a '(${name} list --quiet 2>/dev/null)'\n`]
        : [];
      const files =
        !takesContainer(c) && c.operands.length > 0 ? [`complete -c ${name} -n ${quoted(within)} -F\n`] : [];
      return [
        `complete -c ${name} -n ${quoted(none)} -a ${c.name} -d ${quoted(c.summary)}\n`,
        ...flags(c.options).map((f) => option(within, f)),
        ...ids,
        ...files,
      ];
    }),
  ];
  return lines.join("");
}
