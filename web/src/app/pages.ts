// The pages of the navigation, in its order.

export interface NavigationPage {
  path: string;
  title: string;
  /** The key that opens the page after "g". */
  key: string;
  forAdmins: boolean;
}

const PAGES: NavigationPage[] = [
  { path: "/", title: "Live", key: "l", forAdmins: false },
  { path: "/spending", title: "Spending", key: "s", forAdmins: false },
  { path: "/outlook", title: "Forecast", key: "f", forAdmins: false },
  { path: "/budget", title: "Budget", key: "b", forAdmins: false },
  { path: "/everyone", title: "All users", key: "a", forAdmins: true },
  { path: "/prices", title: "Prices", key: "p", forAdmins: true },
  { path: "/connect", title: "Connect", key: "c", forAdmins: true },
  { path: "/control", title: "Control", key: "o", forAdmins: true },
];

export const navigationPages = (isAdmin: boolean): NavigationPage[] =>
  PAGES.filter(({ forAdmins }) => isAdmin || !forAdmins);
