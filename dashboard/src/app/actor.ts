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

export const headersWith = (given: string): Record<string, string> => (given ? { authorization: `Bearer ${given}` } : {});
