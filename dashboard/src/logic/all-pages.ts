// Everything that a filter finds, over all pages of the server. Pure but for the asking.

const MOST_PAGES = 100; // of a thousand entries: what a browser and a spreadsheet still open

export interface Page<T> {
  found: readonly T[];
  next: string | null | undefined;
}

/** Asks page after page. `isWhole` is false where there was more than may be asked for. */
export async function allPages<T>(ask: (cursor: string | null) => Promise<Page<T>>, most = MOST_PAGES): Promise<{ found: T[]; isWhole: boolean }> {
  const found: T[] = [];
  let cursor: string | null = null;
  for (let pages = 0; pages < most; pages += 1) {
    const page: Page<T> = await ask(cursor);
    found.push(...page.found);
    if (!page.next) return { found, isWhole: true };
    cursor = page.next;
  }
  return { found, isWhole: false };
}
