package org.loft4j.cli.ui;

import java.nio.file.Path;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;

/** By what name and in which colour a run is shown: the same to everyone, and for as long as the server is there. */
final class RunNames {
    private final Map<Path, Name> names = new HashMap<>();
    private final Set<String> ids = new HashSet<>();

    /**
     * What a page tells runs apart by.
     *
     * @param number of the colour, from 0 in the order in which runs were found
     */
    record Name(String id, int number) {}

    /** Its name tells a run from the others, or the name of its root as well, or a number. */
    synchronized Name of(Path run, Path root) {
        Path key = run.toAbsolutePath().normalize();
        Name known = names.get(key);
        if (known == null) {
            known = new Name(id(key, name(root, run), root.toAbsolutePath().normalize()), names.size());
            names.put(key, known);
        }
        return known;
    }

    private String id(Path run, String name, Path root) {
        String own = ids.contains(name) && !run.equals(root) ? root.getFileName() + "/" + name : name;
        String id = own;
        for (int i = 2; !ids.add(id); i++) {
            id = own + " " + i;
        }
        return id;
    }

    /** The path below the root, or the root's own name. Comparisons have a folder of their own for the training of a trial. */
    private static String name(Path root, Path run) {
        Path shown = run.equals(root) ? run.toAbsolutePath().normalize().getFileName() : root.relativize(run);
        String name = shown == null ? run.toString() : shown.toString().replace('\\', '/');
        return name.endsWith("/" + RunFeed.TRAINING)
                ? name.substring(0, name.length() - RunFeed.TRAINING.length() - 1)
                : name;
    }
}
