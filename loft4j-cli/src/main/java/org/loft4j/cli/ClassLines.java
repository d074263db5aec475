package org.loft4j.cli;

import java.io.IOException;
import java.io.PrintWriter;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.loft4j.cli.AskedTexts.Asked;
import org.loft4j.data.Labels;
import org.loft4j.infer.TextClassifier;

/**
 * Prints the classes of texts or images.
 *
 * @param kind what is judged: text or image
 * @param labels of the model
 */
record ClassLines(PrintWriter out, String kind, List<String> labels) {
    /** @param json null where lines are printed: the label, its probability, and what was asked */
    void print(List<Asked> asked, List<TextClassifier.Prediction> predictions, @Nullable JsonElements json)
            throws IOException {
        List<String> names = Labels.distinct(labels);
        for (int i = 0; i < asked.size(); i++) {
            TextClassifier.Prediction prediction = predictions.get(i);
            String label = names.get(prediction.probabilities().indexOf(prediction.probability()));
            if (json == null) {
                out.println(PredictCommand.field(label) + "\t"
                        + String.format(Locale.ROOT, "%.3f", prediction.probability()) + fields(kind, asked.get(i)));
                continue;
            }
            Map<String, Double> probabilities = new LinkedHashMap<>();
            for (int c = 0; c < names.size(); c++) {
                probabilities.put(names.get(c), prediction.probabilities().get(c));
            }
            Map<String, Object> tree = tree(kind, asked.get(i));
            tree.put("label", label);
            tree.put("probability", prediction.probability());
            tree.put("probabilities", probabilities);
            json.add(tree);
        }
    }

    /** What was asked, behind what is said of it. */
    static String fields(String kind, Asked asked) {
        String pair = asked.textPair();
        return "\t" + (kind.equals("text") ? PredictCommand.field(asked.text()) : PredictCommand.name(asked.text()))
                + (pair == null ? "" : "\t" + PredictCommand.field(pair));
    }

    static Map<String, Object> tree(String kind, Asked asked) {
        Map<String, Object> tree = new LinkedHashMap<>();
        tree.put(kind, asked.text());
        if (asked.textPair() != null) {
            tree.put("text_pair", asked.textPair());
        }
        return tree;
    }
}
