package org.loft4j.export;

import java.util.Map;
import java.util.TreeSet;

/** How the doctors name tensors of types that are not read here. */
final class ForeignTensors {
    private ForeignTensors() {}

    /** @param foreign types by the tensors' names, at least one */
    static String text(Map<String, String> foreign) {
        return foreign.size() + " tensors, such as "
                + foreign.keySet().iterator().next() + ", are " + String.join(", ", new TreeSet<>(foreign.values()))
                + ", which loft4j does not read";
    }
}
