// Who acts: a name kept in the browser, and a token kept for the session only, asked for once.

const KEY = "episode-monitor-token";

export function token(): string {
  try {
    return sessionStorage.getItem(KEY) ?? "";
  } catch {
    return "";
  }
}

export function keepToken(given: string): void {
  try {
    if (given) sessionStorage.setItem(KEY, given);
    else sessionStorage.removeItem(KEY);
  } catch {
    // a browser that keeps nothing: the dialog asks again
  }
}

/** The name of one deliberate act, from which each of its requests has its key (`api/client.ts`). */
export const newAct = (): string => crypto.getRandomValues(new Uint32Array(4)).join("-"); // `randomUUID` needs HTTPS

export const headersWith = (given: string): Record<string, string> => (given ? { authorization: `Bearer ${given}` } : {});
