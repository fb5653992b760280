/** Text for HTML: what would be markup is shown as it is. */
export function escape(text: string): string {
  const names: Record<string, string> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" };
  return text.replace(/[&<>"]/g, (each) => names[each]);
}

/** A template with `{name}` replaced by escaped values; `{{` is a brace, unknown names stay. */
export function fill(template: string, values: Readonly<Record<string, string>>): string {
  return template.replace(/\{\{|\{(\w+)\}/g, (whole, name?: string) => {
    if (whole === "{{") return "{";
    return name !== undefined && name in values ? escape(values[name]) : whole;
  });
}
