/** The keys of `T` whose values are of type `V`. */
type KeysOf<T, V> = { [K in keyof T]: T[K] extends V ? K : never }[keyof T];

/** Groups records by one of their texts, in the order of their first appearance. */
export function groupBy<T>(records: readonly T[], key: KeysOf<T, string>): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const record of records) {
    const name = record[key] as string;
    const group = groups.get(name);
    if (group) {
      group.push(record);
    } else {
      groups.set(name, [record]);
    }
  }
  return groups;
}
