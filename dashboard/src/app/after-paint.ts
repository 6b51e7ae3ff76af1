// Work that may wait until what has changed already is seen.

export const afterPaint = (next: () => void): void => void requestAnimationFrame(() => setTimeout(next));
