/** Text for HTML: what would be markup is shown as it is. */
export function escape(text: string): string {
  return text.replace("<", "&lt;").replace(">", "&gt;").replace('"', "&quot;").replace("&", "&amp;");
}

/** A template with `{name}` replaced by escaped values; `{{` is a brace, unknown names stay. */
export function fill(template: string, values: Readonly<Record<string, string>>): string {
  for (const name in values) {
    template = template.replace(`{${name}}`, escape(values[name]));
  }
  return template.replace("{{", "{");
}
