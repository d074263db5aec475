/** What a model that learns by rewards answers, with the rewards, step by step: the latest, unless another step is chosen. */
import {element, number} from "loft/format";

const KINDS = [[false, "answers in training"], [true, "answers to held-out prompts"]];

/** Answers to one prompt together, as they stand: prompts may be shortened, and have a number each. */
function byPrompt(answers) {
    const groups = [];
    answers.forEach(answer => {
        if (groups.length === 0 || groups.at(-1)[0].group !== answer.group) {
            groups.push([]);
        }
        groups.at(-1).push(answer);
    });
    return groups;
}

/** Everything that is known of an answer, for whoever rests on its reward. */
function details(answer) {
    return Object.keys(answer).filter(key => typeof answer[key] === "number" && key !== "group")
        .map(key => `${key} ${number(answer[key])}`).join("\n");
}

function said(answer) {
    return element("li", {}, element("span", {title: details(answer)}, number(answer.reward)),
        element("div", {}, element("q", {}, answer.completion), answer.ended === false ? element("small", {}, " cut off") : null));
}

class Panel {
    constructor(title) {
        this.title = title;
        this.name = element("span", {});
        this.dot = element("i", {class: "dot"});
        this.where = element("small", {});
        // of the steps that are shown; null for the latest
        this.picked = null;
        this.slider = element("input", {
            type: "range", min: "0", step: "1", "aria-label": "step of the answers", oninput: () => {
                const at = Number(this.slider.value);
                this.picked = at === this.steps.length - 1 ? null : this.steps[at].step;
                this.fill();
            },
        });
        this.list = element("div", {class: "answers"});
        this.root = element("article", {class: "panel"},
            element("h3", {}, this.dot, this.name, " ", this.where), this.slider, this.list);
    }

    show(run, steps, several) {
        this.steps = steps;
        this.dot.style.background = run.colour;
        this.name.textContent = (several ? run.name + ": " : "") + this.title;
        this.fill();
    }

    fill() {
        const {steps} = this;
        let at = this.picked === null ? steps.length - 1 : steps.findLastIndex(step => step.step <= this.picked);
        at = Math.max(0, at);
        const {step, count, answers} = steps[at];
        this.slider.max = String(steps.length - 1);
        this.slider.value = String(at);
        this.slider.hidden = steps.length < 2;
        this.where.textContent = "step " + step.toLocaleString("en")
            + (count > answers.length ? `, the first ${answers.length} of ${count.toLocaleString("en")}` : "");
        // another run in the same place may answer as often
        if (steps[at] !== this.told) {
            this.told = steps[at];
            this.list.replaceChildren(...byPrompt(answers).map(group => element("section", {},
                element("h4", {}, group[0].prompt),
                element("ol", {"data-answers": String(group.length)}, ...group.map(said)))));
        }
    }
}

export class Answers {
    constructor(root, store) {
        this.root = root;
        this.store = store;
        this.panels = new Map();
        this.cards = element("div", {class: "cards"});
        root.replaceChildren(element("h2", {}, "Answers"), this.cards);
    }

    draw() {
        const runs = this.store.shown.filter(run => run.answers.length > 0);
        this.root.hidden = runs.length === 0;
        const shown = [];
        runs.forEach(run => KINDS.forEach(([held, title]) => {
            const steps = run.answers.filter(step => step.eval === held);
            const key = run.id + (held ? " held-out" : "");
            if (steps.length > 0) {
                if (!this.panels.has(key)) {
                    this.panels.set(key, new Panel(title));
                }
                this.panels.get(key).show(run, steps, runs.length > 1);
                shown.push(this.panels.get(key).root);
            }
        }));
        // what has the focus stays where it is
        if (shown.length !== this.cards.children.length || shown.some((panel, i) => this.cards.children[i] !== panel)) {
            this.cards.replaceChildren(...shown);
        }
    }
}
