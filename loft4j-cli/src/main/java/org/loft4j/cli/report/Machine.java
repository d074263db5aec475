package org.loft4j.cli.report;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Properties;
import org.bytedeco.pytorch.Tensor;
import org.loft4j.tensor.Engine;

/** What a measurement was made on. */
public final class Machine {
    private static final Path PROCESSORS = Path.of("/proc/cpuinfo");

    private Machine() {}

    /** Processor, cores, threads of one operation, system, Java, libtorch, kernels of its products, and this program with its commit, by name. */
    public static Map<String, Object> described() {
        Map<String, Object> described = new LinkedHashMap<>();
        described.put("cpu", processor());
        described.put("cores", Runtime.getRuntime().availableProcessors());
        described.put("threads", Engine.threads());
        described.put("system", System.getProperty("os.name") + " " + System.getProperty("os.arch"));
        described.put("java", System.getProperty("java.version"));
        described.put("libtorch", versionOf(Tensor.class));
        described.put("blas_kernels", Engine.blasKernels().orElse("(not known)"));
        described.put("loft4j", versionOf(Machine.class));
        described.put("commit", commit());
        return described;
    }

    /** Of the sources that this was built from, as the build has written it down. */
    private static String commit() {
        Properties git = new Properties();
        try (InputStream in = Machine.class.getResourceAsStream("/org/loft4j/cli/git.properties")) {
            if (in != null) {
                git.load(in);
            }
        } catch (IOException e) {
            // then it is not known
        }
        String commit = git.getProperty("git.commit.id.abbrev", "(not known)");
        return Boolean.parseBoolean(git.getProperty("git.dirty")) ? commit + " with changes" : commit;
    }

    private static String versionOf(Class<?> type) {
        String version = type.getPackage().getImplementationVersion();
        return version == null ? "(not packaged)" : version;
    }

    private static String processor() {
        if (Files.isReadable(PROCESSORS)) {
            try (var lines = Files.lines(PROCESSORS)) {
                return lines.filter(line -> line.startsWith("model name"))
                        .map(line -> line.substring(line.indexOf(':') + 1).strip())
                        .findFirst()
                        .orElse(System.getProperty("os.arch"));
            } catch (IOException e) {
                // then the architecture has to do
            }
        }
        return System.getProperty("os.arch");
    }
}
