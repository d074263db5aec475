/** Shows the events that the file itself holds. */
import {Page} from "loft/page";
import {Store} from "loft/store";

const store = new Store();
const page = new Page(store);
const events = JSON.parse(document.getElementById("events").textContent);
events.forEach(([name, data]) => store.apply(name, data));
const thinned = events.map(([, data]) => data).filter(data => data.kept < data.of);
if (thinned.length > 0) {
    const sum = key => thinned.reduce((all, data) => all + data[key], 0).toLocaleString("en");
    document.getElementById("connection").textContent = `thinned: ${sum("kept")} of ${sum("of")} lines of metrics, `
        + "of each stretch of steps those with the least and the largest figures; all evaluations";
}
page.draw();
