// What the overview asks for, by its first view and by the page.

export const WINDOW_MINUTES = 15;
export const MOST_PROJECTS = 20;
