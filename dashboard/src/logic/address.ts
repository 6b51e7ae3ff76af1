// Addresses within the page. Ids are parameters, not parts of the path, so that `..` and `a/b` are safe.

const withParameters = (path: string, given: Record<string, string | undefined>): string => {
  const kept = Object.entries(given).filter((entry): entry is [string, string] => Boolean(entry[1]));
  return kept.length ? `${path}?${new URLSearchParams(kept)}` : path;
};

export const FLEET = "_fleet"; // the project of alerts that are about all projects

export const toProject = (id: string): string => (id === FLEET ? "/performance" : withParameters("/project", { id }));
export const toAlert = (key: string): string => withParameters("/alert", { key });
export const toPlan = (id: string): string => withParameters("/plan", { id });
export const toAlerts = (given: Record<string, string | undefined> = {}): string => withParameters("/alerts", given);
/** What happened to the alert of a key, RULE:PROJECT. */
export const toHistory = (key: string): string => {
  const [rule = "", ...project] = key.split(":");
  return withParameters("/alerts/history", project.length ? { rule, project: project.join(":") } : {});
};
export const toIntegrity = (given: Record<string, string | undefined> = {}): string => withParameters("/integrity", given);
export const toPerformance = (given: Record<string, string | undefined> = {}): string => withParameters("/performance", given);
export const toSilences = (given: Record<string, string | undefined> = {}): string => withParameters("/alerts/silences", given);

/** A web address of the data, or null: anything else (`javascript:`) is no link. */
export const webAddress = (address: string | null | undefined): string | null => (/^https?:\/\//i.test(address ?? "") ? (address ?? null) : null);
