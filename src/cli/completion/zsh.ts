/** Completion for zsh. */
import type { Command, Program } from "../command.ts";
import { type Flag, flags, listingsFor, quoted, roots } from "./words.ts";

export function zsh(program: Program, commands: readonly Command[]): string {
  const name = `_${program.name}`;
  const described = commands.map((c) => quoted(`${c.name}:${c.summary}`)).join(" ");
  const own = (list: readonly Command[], indent: string): string =>
    list.map((c) => `${indent}${c.name.split(" ").at(-1)}) ${argumentsOf(name, c)} ;;\n`).join("");
  const cases = commands.map((c) => {
    if (!c.commands) return `    ${c.name}) ${argumentsOf(name, c)} ;;\n`;
    const inner = Object.entries(c.commands);
    const items = inner.map(([word, { summary }]) => quoted(`${word}:${summary}`)).join(" ");
    return `    ${c.name})
      if ((CURRENT == 2)); then
        commands=(${items}); _describe command commands
      else
        shift words; ((CURRENT--))
        case $words[1] in
${own(
  inner.map(([word, command]) => ({ ...command, name: word })),
  "        ",
)}        esac
      fi ;;
`;
  });
  return `#compdef ${program.name}
# zsh completion for ${program.name}
${name}_listed() {
  local -a found root
  local option
  for option in ${roots.join(" ")}; do
    [[ -n \${opt_args[$option]} ]] && root+=($option \${opt_args[$option]})
  done
  found=(\${(f)"$(${program.name} $root "$@" 2>/dev/null)"})
  compadd -a found
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

function argumentsOf(name: string, command: Command): string {
  const options = flags(command.options).map(argument).join(" ");
  const lists = listingsFor(command);
  const positions = command.operands.some((operand) => operand.includes("…")) ? "*" : "1";
  const operand =
    lists.length > 0
      ? ` ${quoted(`${command.passesThrough ? "1" : positions}:operand:{${lists.map((list) => `${name}_listed ${list.replaceAll(":", "\\:")}`).join("; ")}}`)}`
      : command.operands.length > 0
        ? " '*:file:_files'"
        : "";
  const rest = command.passesThrough ? " '*::arguments:_normal'" : "";
  return `_arguments ${options}${operand}${rest}`;
}

function argument(f: Flag): string {
  const what = f.summary.replaceAll(/[[\]:\\]/g, "\\$&");
  const action =
    f.value === "none" ? "" : Array.isArray(f.value) ? `:value:(${f.value.join(" ")})` : ":value:_files";
  const forms = f.short ? `{-${f.short},--${f.long}}` : `--${f.long}`;
  return `${forms}${quoted(`[${what}]${action}`)}`;
}
