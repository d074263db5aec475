/** Shows the events that the file itself holds. */
import {Page} from "loft/page";
import {Store} from "loft/store";

const store = new Store();
const page = new Page(store);
JSON.parse(document.getElementById("events").textContent).forEach(([name, data]) => store.apply(name, data));
page.draw();
