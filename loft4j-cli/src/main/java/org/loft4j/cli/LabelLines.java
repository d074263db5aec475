package org.loft4j.cli;

import java.io.IOException;
import java.io.PrintWriter;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.loft4j.cli.AskedTexts.Asked;
import org.loft4j.data.Labels;
import org.loft4j.infer.TextLabeler;

/**
 * Prints the labels of texts or images that may have several.
 *
 * @param kind what is judged: text or image
 * @param labels of the model
 */
record LabelLines(PrintWriter out, String kind, List<String> labels) {
    /** @param json null where lines are printed: the labels, their probabilities, the text and the second text of a pair */
    void print(List<Asked> asked, List<TextLabeler.LabelSet> sets, @Nullable JsonElements json) throws IOException {
        List<String> names = Labels.distinct(labels);
        for (int i = 0; i < asked.size(); i++) {
            List<Double> probabilities = sets.get(i).probabilities();
            List<Integer> told = sets.get(i).indices();
            if (json == null) {
                out.println(told.stream()
                                .map(k -> PredictCommand.field(names.get(k)).replace(",", "\\,"))
                                .collect(Collectors.joining(","))
                        + "\t"
                        + told.stream()
                                .map(k -> String.format(Locale.ROOT, "%.3f", probabilities.get(k)))
                                .collect(Collectors.joining(","))
                        + ClassLines.fields(kind, asked.get(i)));
                continue;
            }
            Map<String, Double> all = new LinkedHashMap<>();
            for (int k = 0; k < names.size(); k++) {
                all.put(names.get(k), probabilities.get(k));
            }
            Map<String, Object> tree = ClassLines.tree(kind, asked.get(i));
            tree.put("labels", told.stream().map(names::get).toList());
            tree.put("probabilities", all);
            json.add(tree);
        }
    }
}
