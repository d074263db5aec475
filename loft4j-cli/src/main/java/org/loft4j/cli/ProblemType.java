package org.loft4j.cli;

import java.util.Arrays;
import java.util.Locale;
import java.util.stream.Collectors;
import org.loft4j.ConfigException;
import org.loft4j.nn.Model;

/** What a classifier of texts or images learns, in the words of Transformers' {@code problem_type}, which has none for ranking. */
enum ProblemType {
    /** Classes, of which each text or image has one. */
    SINGLE_LABEL_CLASSIFICATION,
    /** Labels, of which each text or image may have several, or none. */
    MULTI_LABEL_CLASSIFICATION,
    /** Numbers. */
    REGRESSION,
    /** No labels: which of some texts belongs to another text. */
    RANKING;

    /** Of a model that is open. */
    static ProblemType of(Model model) {
        return model.isRegression()
                ? REGRESSION
                : model.isMultiLabel() ? MULTI_LABEL_CLASSIFICATION : SINGLE_LABEL_CLASSIFICATION;
    }

    /** Reads a name such as {@code regression} or {@code single-label-classification}, in any case. */
    static ProblemType parse(String name) {
        for (ProblemType type : values()) {
            if (type.word().equals(name.toLowerCase(Locale.ROOT).replace('-', '_'))) {
                return type;
            }
        }
        throw new ConfigException("problem_type must be one of "
                + Arrays.stream(values()).map(ProblemType::word).collect(Collectors.joining(", ")) + ", got " + name);
    }

    /** The name on the command line and in files. */
    String word() {
        return name().toLowerCase(Locale.ROOT);
    }
}
