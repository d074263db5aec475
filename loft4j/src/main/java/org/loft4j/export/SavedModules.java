package org.loft4j.export;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import org.loft4j.export.Diagnosis.Notes;
import org.loft4j.export.Finding.Consumer;
import org.loft4j.export.Finding.Severity;
import org.loft4j.io.JsonObject;

/** What the programs make of {@code modules_to_save}, as far as its names tell. */
final class SavedModules {
    private static final String KEY = "modules_to_save";

    private SavedModules() {}

    /**
     * Adds what is found.
     *
     * @param config the adapter's settings, with modules that are saved in full
     */
    static void tell(JsonObject config, AdapterRemedies remedies, Notes notes) {
        JsonNode listed = Objects.requireNonNull(config.node(KEY));
        String what = KEY + " " + listed;
        notes.add(Severity.REFUSED, Consumer.VLLM, what + ": vLLM takes factors alone", remedies.merge());
        notes.add(
                Severity.REFUSED,
                Consumer.LLAMA_CPP,
                what + ": a GGUF adapter holds factors alone",
                remedies.mergedGguf());
        JsonNode tying = config.node("ensure_weight_tying");
        if (tying != null && tying.asBoolean()) {
            notes.add(
                    Severity.NOTE,
                    Consumer.PEFT,
                    "ensure_weight_tying: PEFT before 0.18 drops it, and keeps input and output embedding apart;"
                            + " before 0.14 it refuses the file",
                    "use PEFT 0.18 or newer");
        }
        List<String> names = new ArrayList<>();
        listed.forEach(each -> names.add(each.asText()));
        within(names, notes);
    }

    /** PEFT takes a name for the end of a path, be that within a word. */
    private static void within(List<String> names, Notes notes) {
        for (String outer : names) {
            Set<String> inner = new LinkedHashSet<>(names);
            inner.removeIf(name -> outer.isEmpty() || !name.contains(outer + "."));
            if (!inner.isEmpty()) {
                String all = String.join(", ", inner);
                notes.add(
                        Severity.CHANGE,
                        Consumer.PEFT,
                        KEY + " names " + outer + ", and within it " + all
                                + ": PEFT does not load a module within another one",
                        "take " + all + " out of " + KEY + ": " + outer + " is saved with all that it holds");
            }
        }
    }
}
