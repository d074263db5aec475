package org.loft4j.export;

import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import org.loft4j.io.ForeignTensor;

/** How the doctors name tensors of types that are not read here. */
final class ForeignTensors {
    private ForeignTensors() {}

    /** @param foreign tensors by their names, at least one */
    static String text(Map<String, ForeignTensor> foreign) {
        Set<String> types = new TreeSet<>();
        foreign.values().forEach(tensor -> types.add(tensor.type()));
        return foreign.size() + " tensors, such as "
                + foreign.keySet().iterator().next() + ", are " + String.join(", ", types)
                + ", which loft4j does not read";
    }
}
