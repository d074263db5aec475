package org.loft4j.tensor;

import com.sun.jna.Native;
import com.sun.jna.NativeLibrary;
import org.bytedeco.javacpp.FloatPointer;
import org.bytedeco.openblas.global.openblas_nolapack;
import org.bytedeco.pytorch.Tensor;
import org.loft4j.ShapeException;

/**
 * Sums of products of float32 matrices, {@code c ← Σᵢ αᵢ·aᵢ·bᵢ}, in blocks that OpenBLAS' small kernels for AVX-512 multiply where
 * they lie. Its large products lay out both operands anew, a seventh of their time for a layer of a few hundred numbers.
 *
 * <p>The work is the calling thread's alone. A number is a sum of parts of {@link #DEPTH} products each, whatever rows it is among.
 */
public final class BlockProduct {
    /** Columns of a block: four registers of AVX-512. */
    private static final int WIDTH = 64;

    /** Products that a block adds up at most: so much of a strip takes an eighth of a megabyte. */
    private static final int DEPTH = 352;

    /** Multiplications of a block at most, beyond which OpenBLAS takes its large kernels. */
    private static final int MULTIPLICATIONS = 1_000_000;

    /** Numbers of a line of b at most: blocks whose lines lie further apart are read too slowly where they are. */
    private static final int WIDEST = 1536;

    /** Rows that kernels take at once, of which blocks have whole multiples. */
    private static final int UNIT = 6;

    /** Rows and depth from which lines of b that lie apart are copied first: fewer take less time where they lie. */
    private static final int COPIED_ROWS = 256;

    private static final int COPIED_DEPTH = 64;

    /** Numbers that are read ahead at most, half a core's second cache: more would drive out what is read with them. */
    private static final int AHEAD = 1 << 17;

    /** Bytes that {@link #room} has beyond its numbers. */
    private static final long ROOM = 256;

    private BlockProduct() {}

    /** Whether these blocks are faster than a product as it is: on the processor, on one thread, with those kernels. */
    public static boolean pays(Tensor x) {
        return Dtype.of(x) == Dtype.F32
                && DeviceSpec.of(x).kind() == DeviceSpec.Kind.CPU
                && (Lanes.inside() || Engine.threads() == 1)
                && Blas.haveSmallKernels()
                && Extensions.FOUND;
    }

    /** Whether blocks of a matrix {@code (inner, columns)}, as it is stored or turned, are read fast enough where they lie. */
    public static boolean readsLines(Tensor b) {
        boolean turned = b.stride(1) != 1;
        long line = b.stride(turned ? 1 : 0);
        return b.stride(turned ? 0 : 1) == 1
                && line >= b.size(turned ? 0 : 1)
                && (line <= WIDEST || turned && Blas.turnsWideLines());
    }

    /** A matrix itself, or those of a batch, if its rows lie side by side, each after the other; else a copy of which that is true. */
    public static Tensor dense(Tensor matrix) {
        return matrix.stride(-1) == 1 && matrix.stride(-2) >= matrix.size(-1) ? matrix : matrix.contiguous();
    }

    /**
     * {@code α·a·b}, of matrices or, for {@link #sum}, of as many as a batch has
     *
     * @param a {@code (rows, inner)}, with unit stride in either dimension
     * @param b {@code (inner, columns)}, the same
     */
    public record Term(double alpha, Tensor a, Tensor b) {
        public Term(Tensor a, Tensor b) {
            this(1, a, b);
        }
    }

    /** An operand as BLAS has it, of a batch or by itself. */
    private record Matrix(FloatPointer start, boolean turned, int line, long step) {
        static Matrix of(Tensor tensor) {
            long first = tensor.dim() - 2;
            long rows = tensor.size(first);
            long columns = tensor.size(first + 1);
            // what says nothing where there is one is any number
            boolean turned = columns > 1 && tensor.stride(first + 1) != 1;
            long line = turned ? tensor.stride(first + 1) : rows > 1 ? tensor.stride(first) : columns;
            if (line < (turned ? rows : columns)) {
                throw new ShapeException("a matrix whose lines overlap: strides " + tensor.stride(first) + ", "
                        + tensor.stride(first + 1) + " of " + Shapes.text(Shapes.of(tensor)));
            }
            return new Matrix(
                    new FloatPointer(tensor.data_ptr()),
                    turned,
                    Math.toIntExact(line),
                    first == 0 ? 0 : tensor.stride(0));
        }

        FloatPointer at(int of, int row, int column) {
            return start.position(of * step + (turned ? (long) column * line + row : (long) row * line + column));
        }

        int form() {
            return turned ? openblas_nolapack.CblasTrans : openblas_nolapack.CblasNoTrans;
        }

        /** Whether blocks of it are laid out anew before rows of so many products are multiplied by them. */
        boolean isLaidOut(int rows, int inner) {
            return turned || line > WIDTH && rows >= COPIED_ROWS && inner >= COPIED_DEPTH;
        }
    }

    /** The sum, {@code (rows, columns)}. */
    public static Tensor of(Term... terms) {
        Tensor c = Tensors.empty(
                Dtype.F32, DeviceSpec.CPU, terms[0].a().size(0), terms[0].b().size(1));
        sum(c, false, terms);
        return c;
    }

    /**
     * Room for a sum, with a little more memory than it needs, for what is soon free and has others of its size behind it, such as the
     * result of a layer that is added to the states. To begin at a multiple of 64 the C library looks for more memory than it is asked
     * for, 96 bytes with glibc, and what a tensor leaves has no more than itself: it stays empty where one of the same size comes next.
     * What this leaves takes it.
     */
    public static Tensor room(long rows, long columns) {
        return Tensors.empty(Dtype.F32, DeviceSpec.CPU, rows * columns + ROOM / Float.BYTES)
                .resize_(rows, columns);
    }

    /**
     * The sum where it shall be, of matrices or of as many as a batch has, {@code c[i] ← Σⱼ αⱼ·aⱼ[i]·bⱼ[i]}.
     *
     * @param c {@code (rows, columns)} or {@code (count, rows, columns)}, with unit stride in its rows, which do not overlap
     * @param add whether to what is in c
     */
    public static void sum(Tensor c, boolean add, Term... terms) {
        int count = c.dim() == 2 ? 1 : (int) c.size(0);
        int rows = (int) c.size(-2);
        int columns = (int) c.size(-1);
        Matrix to = Matrix.of(c);
        Matrix[] as = new Matrix[terms.length];
        Matrix[] bs = new Matrix[terms.length];
        int[] inner = new int[terms.length];
        boolean laysOut = false;
        for (int t = 0; t < terms.length; t++) {
            as[t] = Matrix.of(terms[t].a());
            bs[t] = Matrix.of(terms[t].b());
            inner[t] = (int) terms[t].a().size(-1);
            laysOut |= bs[t].isLaidOut(rows, inner[t]);
        }
        try (NativeScope scope = new NativeScope()) {
            Matrix strip = laysOut ? Matrix.of(Tensors.empty(Dtype.F32, DeviceSpec.CPU, DEPTH, WIDTH)) : to;
            for (int i = 0; i < count; i++) {
                for (int j = 0; j < columns; j += WIDTH) {
                    int width = Math.min(WIDTH, columns - j);
                    boolean begun = add;
                    for (int t = 0; t < terms.length; t++) {
                        int parts = (inner[t] + DEPTH - 1) / DEPTH;
                        int depth = (inner[t] + parts - 1) / parts;
                        Matrix b = bs[t];
                        readAhead(b, i, j, width, inner[t]);
                        for (int k = 0; k < inner[t]; k += depth) {
                            int deep = Math.min(depth, inner[t] - k);
                            FloatPointer part = b.at(i, k, j);
                            int line = b.line();
                            if (b.isLaidOut(rows, inner[t])) {
                                layOut(part, b, deep, width, strip.start());
                                part = strip.start();
                                line = WIDTH;
                            }
                            column(i, as[t], k, deep, part, line, to, j, width, rows, (float) terms[t].alpha(), begun);
                            begun = true;
                        }
                    }
                }
            }
        }
    }

    /**
     * Reads a strip that is to be turned from end to end, as the processor foresees it; turning takes lines side by side, and would
     * wait for each where they are not in a cache.
     */
    private static void readAhead(Matrix b, int of, int j, int width, int inner) {
        if (b.turned() && b.line() == inner && width * inner < AHEAD) {
            openblas_nolapack.cblas_sasum(width * inner, b.at(of, 0, j), 1);
        }
    }

    /** A block of b, {@code (deep, width)}, with lines of {@link #WIDTH}. */
    private static void layOut(FloatPointer block, Matrix b, int deep, int width, FloatPointer strip) {
        if (b.turned()) {
            turn(block, b.line(), width, deep, strip, WIDTH);
        } else {
            Extensions.LAPACKE_slacpy_work(
                    openblas_nolapack.CblasColMajor,
                    Extensions.ALL,
                    width,
                    deep,
                    address(block),
                    b.line(),
                    address(strip),
                    WIDTH);
        }
    }

    private static long address(FloatPointer at) {
        return at.address() + at.position() * Float.BYTES;
    }

    private static void column(
            int of,
            Matrix a,
            int k,
            int deep,
            FloatPointer b,
            int bLine,
            Matrix to,
            int j,
            int width,
            int rows,
            float alpha,
            boolean add) {
        int block = Math.max(UNIT, MULTIPLICATIONS / (width * deep) / UNIT * UNIT);
        for (int i = 0; i < rows; i += block) {
            openblas_nolapack.cblas_sgemm(
                    openblas_nolapack.CblasRowMajor,
                    a.form(),
                    openblas_nolapack.CblasNoTrans,
                    Math.min(block, rows - i),
                    width,
                    deep,
                    alpha,
                    a.at(of, i, k),
                    a.line(),
                    b,
                    bLine,
                    add ? 1 : 0,
                    to.at(of, i, j),
                    to.line());
        }
    }

    /**
     * Turned copies, {@code to[i] ← from[i]ᵀ}.
     *
     * @param from {@code (count, rows, columns)}, with unit stride in its rows
     * @param to {@code (count, columns, rows)}, the same
     */
    public static void turn(Tensor from, Tensor to) {
        Matrix source = Matrix.of(from);
        Matrix target = Matrix.of(to);
        int rows = (int) from.size(1);
        int columns = (int) from.size(2);
        for (int i = 0; i < from.size(0); i++) {
            turn(source.at(i, 0, 0), source.line(), rows, columns, target.at(i, 0, 0), target.line());
        }
    }

    private static void turn(FloatPointer from, int line, int rows, int columns, FloatPointer to, int toLine) {
        Extensions.cblas_somatcopy(
                openblas_nolapack.CblasRowMajor,
                openblas_nolapack.CblasTrans,
                rows,
                columns,
                1,
                address(from),
                line,
                address(to),
                toLine);
    }

    /** Functions of OpenBLAS beside BLAS. */
    private static final class Extensions {
        /** Of a matrix, not one triangle. */
        static final byte ALL = 'A';

        static final boolean FOUND = Blas.paths().stream().anyMatch(Extensions::isIn);

        private static boolean isIn(String path) {
            try {
                NativeLibrary library = NativeLibrary.getInstance(path);
                library.getFunction("cblas_somatcopy");
                Native.register(Extensions.class, library);
                return true;
            } catch (LinkageError e) {
                return false;
            }
        }

        static native int LAPACKE_slacpy_work(
                int order, byte part, int rows, int columns, long a, int aLine, long b, int bLine);

        static native void cblas_somatcopy(
                int order, int transpose, int rows, int columns, float alpha, long a, int aLine, long b, int bLine);
    }
}
