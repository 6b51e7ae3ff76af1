// The number of firing alerts in the window's title and icon.

const MOST = 99;

export const titleWith = (firing: number, title: string): string => (firing ? `(${firing > MOST ? `${MOST}+` : firing}) ${title}` : title);

export function badge(firing: number, critical: boolean): void {
  const link = document.querySelector<HTMLLinkElement>('link[rel="icon"]');
  if (!link) return;
  const tile = '<rect width="32" height="32" rx="7" fill="#1559b3"/><path d="M7 22v-6M13 22V10M25 22V8" stroke="#fff" stroke-width="3.4" stroke-linecap="round"/>';
  const text = firing > MOST ? `${MOST}+` : String(firing);
  const mark = firing
    ? `<rect y="13" x="${text.length > 1 ? 8 : 14}" width="${text.length > 1 ? 24 : 18}" height="19" rx="6" fill="${critical ? "#c81e28" : "#b66a00"}"/><text x="${text.length > 1 ? 20 : 23}" y="28" font-family="sans-serif" font-weight="700" font-size="${text.length > 2 ? 12 : 15}" text-anchor="middle" fill="#fff">${text}</text>`
    : "";
  link.href = firing ? `data:image/svg+xml,${encodeURIComponent(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32">${tile}${mark}</svg>`)}` : "./static/favicon.svg";
}
