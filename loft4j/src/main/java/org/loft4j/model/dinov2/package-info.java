/** DINOv2 (Oquab et al. 2023, arXiv:2304.07193), with and without registers (Darcet et al. 2023, arXiv:2309.16588). */
@NullMarked
package org.loft4j.model.dinov2;

import org.jspecify.annotations.NullMarked;
