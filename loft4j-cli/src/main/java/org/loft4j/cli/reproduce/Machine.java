package org.loft4j.cli.reproduce;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.stream.Stream;
import org.bytedeco.javacpp.Loader;
import org.loft4j.tensor.Engine;

/**
 * Where an experiment ran.
 *
 * @param processor name of the processor, as the system gives it
 * @param cores processors that this process may use
 * @param threads that one operation of libtorch may use
 * @param java version of the Java machine
 * @param system name of the operating system and its architecture
 * @param libtorch version of libtorch and of its bindings
 */
record Machine(String processor, int cores, int threads, String java, String system, String libtorch) {
    private static final Path CPUINFO = Path.of("/proc/cpuinfo");

    static Machine here() {
        Engine.start();
        String architecture = System.getProperty("os.arch");
        return new Machine(
                processor(architecture),
                Runtime.getRuntime().availableProcessors(),
                Engine.threads(),
                System.getProperty("java.version"),
                System.getProperty("os.name") + " " + architecture,
                bindings());
    }

    /** The version of the bindings: libtorch's, then JavaCPP's. */
    private static String bindings() {
        try {
            return Loader.getVersion("org.bytedeco", "pytorch");
        } catch (IOException e) {
            return "unknown";
        }
    }

    private static String processor(String otherwise) {
        if (!Files.isReadable(CPUINFO)) {
            return otherwise;
        }
        try (Stream<String> lines = Files.lines(CPUINFO)) {
            return lines.filter(line -> line.startsWith("model name"))
                    .map(line -> line.substring(line.indexOf(':') + 1).strip())
                    .findFirst()
                    .orElse(otherwise);
        } catch (IOException e) {
            return otherwise;
        }
    }

    Map<String, Object> tree() {
        Map<String, Object> tree = new LinkedHashMap<>();
        tree.put("processor", processor);
        tree.put("cores", cores);
        tree.put("threads", threads);
        tree.put("java", java);
        tree.put("system", system);
        tree.put("libtorch", libtorch);
        return tree;
    }
}
