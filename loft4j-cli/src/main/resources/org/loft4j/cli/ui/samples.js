/** What the model says to the same prompts as it learns, the latest on top. */
import {element} from "loft/format";

function prompts(run) {
    const byPrompt = new Map();
    run.samples.forEach(({step, prompt, text}) => {
        if (!byPrompt.has(prompt)) {
            byPrompt.set(prompt, []);
        }
        byPrompt.get(prompt).unshift({step, text});
    });
    return byPrompt;
}

export function drawSamples(root, store) {
    const runs = store.shown.filter(run => run.samples.length > 0);
    root.hidden = runs.length === 0;
    const told = JSON.stringify(runs.map(run => [run.id, run.number, run.samples.length, run.samples.at(-1)]));
    if (root.hidden || told === root.told) {
        return;
    }
    root.told = told;
    root.replaceChildren(element("h2", {}, "Samples"), element("div", {class: "cards"},
        ...runs.flatMap(run => [...prompts(run)].map(([prompt, said]) => element("article", {class: "panel"},
            element("h3", {}, element("i", {class: "dot", style: {background: run.colour}}),
                runs.length > 1 ? run.name + ": " : "", prompt),
            element("ol", {"data-samples": String(said.length)}, ...said.map(({step, text}, i) => element("li", {
                class: i > 0 && said[i - 1].text === text ? "same" : null,
            }, element("span", {}, "step " + step.toLocaleString("en")), element("q", {}, text)))))))));
}
