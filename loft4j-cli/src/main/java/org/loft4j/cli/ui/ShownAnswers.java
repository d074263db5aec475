package org.loft4j.cli.ui;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.MissingNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * What a page has of the answers that rewards judge, of which a long run makes more than a browser can hold: of some steps that are
 * evenly spaced, and of the latest, the first answers, and of a long text its beginning. Steps and evaluations are chosen each by
 * themselves.
 */
final class ShownAnswers {
    /** Of so many steps, and of so many evaluations, at most, but for the latest. */
    static final int STEPS = 32;

    /** So many of each at most. */
    static final int ANSWERS = 16;

    /** Characters of a text at most. */
    static final int LENGTH = 2000;

    private final Course trained = new Course(false);
    private final Course held = new Course(true);

    /**
     * What the page does not have yet.
     *
     * @param steps one object each: {@code step}, {@code eval}, {@code count} of all its answers, {@code answers}, and {@code passing}
     *     where it makes room for the next; one of the same {@code step} and {@code eval} takes the other's place. Answers that follow
     *     each other in a step and have the same whole prompt are of one {@code group}, each of an evaluation is one by itself
     * @param all whether they replace everything
     */
    record News(List<JsonNode> steps, boolean all) {}

    /** Forgets everything, as of a file that is read anew. */
    void clear() {
        trained.clear();
        held.clear();
    }

    /** @param line of {@code completions.jsonl} */
    void add(JsonNode line) {
        (line.path("eval").asBoolean() ? held : trained).add(line);
    }

    News news() {
        boolean all = trained.thinned || held.thinned;
        List<JsonNode> steps = new ArrayList<>(trained.news(all));
        steps.addAll(held.news(all));
        return new News(steps, all);
    }

    /** The steps of a run, or its evaluations. */
    private static final class Course {
        private final boolean eval;
        private final Map<Long, ObjectNode> kept = new LinkedHashMap<>();
        private final Map<Long, ObjectNode> changed = new LinkedHashMap<>();
        private ObjectNode last = JsonNodeFactory.instance.objectNode();
        private JsonNode prompt = MissingNode.getInstance();
        private int group;
        private long begun;
        private long every = 1;
        private boolean thinned;

        Course(boolean eval) {
            this.eval = eval;
        }

        void clear() {
            kept.clear();
            changed.clear();
            last = JsonNodeFactory.instance.objectNode();
            begun = 0;
            every = 1;
            thinned = false;
        }

        void add(JsonNode line) {
            long step = line.path("step").asLong();
            if (last.isEmpty() || last.path("step").asLong() != step) {
                begin(step);
            }
            last.put("count", last.path("count").asInt() + 1);
            if (last.get("answers") instanceof ArrayNode answers && answers.size() < ANSWERS) {
                boolean same =
                        !eval && !answers.isEmpty() && line.path("prompt").equals(prompt);
                group = answers.isEmpty() ? 0 : same ? group : group + 1;
                prompt = line.path("prompt");
                answers.add(shortened(line).put("group", group));
            }
            changed.put(step, last);
        }

        private void begin(long step) {
            if (last.path("passing").asBoolean()) {
                changed.remove(last.path("step").asLong());
            }
            long number = begun++;
            if (number % every == 0 && kept.size() == STEPS) {
                every *= 2;
                thinned = true;
                long at = 0;
                for (Long known : List.copyOf(kept.keySet())) {
                    if (at++ % 2 == 1) {
                        kept.remove(known);
                        changed.remove(known);
                    }
                }
            }
            last = JsonNodeFactory.instance.objectNode();
            last.put("step", step);
            last.put("eval", eval);
            last.put("count", 0);
            last.set("answers", JsonNodeFactory.instance.arrayNode());
            if (number % every == 0) {
                kept.put(step, last);
            } else {
                last.put("passing", true);
            }
        }

        /** @param all those that were told before, too */
        List<JsonNode> news(boolean all) {
            Map<Long, ObjectNode> told = new LinkedHashMap<>(all ? kept : changed);
            if (all && !last.isEmpty()) {
                told.put(last.path("step").asLong(), last);
            }
            changed.clear();
            thinned = false;
            return List.copyOf(told.values());
        }

        private static ObjectNode shortened(JsonNode line) {
            ObjectNode answer = JsonNodeFactory.instance.objectNode();
            line.properties().forEach(entry -> {
                JsonNode value = entry.getValue();
                if (value.isTextual()) {
                    answer.put(entry.getKey(), shortened(value.asText()));
                } else if (value.isNumber() || value.isBoolean()) {
                    answer.set(entry.getKey(), value);
                }
            });
            return answer.remove(List.of("step", "eval"));
        }

        private static String shortened(String text) {
            if (text.length() <= LENGTH) {
                return text;
            }
            // no half of a pair of surrogates
            int end = Character.isHighSurrogate(text.charAt(LENGTH - 1)) ? LENGTH - 1 : LENGTH;
            return text.substring(0, end) + "…";
        }
    }
}
