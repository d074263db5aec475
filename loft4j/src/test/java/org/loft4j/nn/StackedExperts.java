package org.loft4j.nn;

import java.util.List;

/** The matrices of experts that lie in one tensor of the files. */
public final class StackedExperts {
    private StackedExperts() {}

    public static List<StackedLinears> of(Model model) {
        return model.mixtures().stream()
                .map(MixtureOfExperts::among)
                .filter(Experts.Stacked.class::isInstance)
                .flatMap(experts -> experts.matrices().stream())
                .toList();
    }
}
