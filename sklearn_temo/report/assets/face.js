// The face with its landmarks, in two and in three dimensions.
"use strict";

const pathOf = (edges, points) =>
  edges.map(([i, j]) => `M${points[i].join()}L${points[j].join()}`).join("");

function edgesOf(triangles) {
  const seen = new Map();
  for (const [a, b, c] of triangles) {
    for (const [i, j] of [
      [a, b],
      [b, c],
      [c, a],
    ]) {
      seen.set(Math.min(i, j) * 1e5 + Math.max(i, j), [i, j]);
    }
  }
  return [...seen.values()];
}

// Centre and radius of each iris, which the mesh has not: [x, y, z, r].
function irises(positions, contours) {
  return ["left_eye", "right_eye"]
    .filter((name) => contours[name])
    .map((name) => {
      const points = [...new Set(contours[name].flat())].map((i) => positions[i]);
      const [x, y] = [0, 1].map((axis) => sum(points.map((p) => p[axis])) / points.length);
      // The surface between the lids is in front of their mean.
      const z = Math.max(...points.map((p) => p[2] ?? 0));
      const [width, height] = [0, 1].map((axis) => {
        const values = points.map((p) => p[axis]);
        return Math.max(...values) - Math.min(...values);
      });
      return [x, y, z, Math.min(0.5 * height, 0.2 * width)];
    });
}

// Front view. `style(i)` is null, or the {colour, size, faint} of landmark i; size is from 0 to 1.
function flatFace(positions, { triangles = [], contours = {} }, description) {
  const points = positions.map(([x, y]) => [x.toFixed(3), (-y).toFixed(3)]);
  const [xs, ys] = [0, 1].map((axis) => points.map((point) => Number(point[axis])));
  const [left, top] = [Math.min(...xs) - 0.1, Math.min(...ys) - 0.1];
  const [width, height] = [Math.max(...xs) + 0.1 - left, Math.max(...ys) + 0.1 - top];
  const scale = Math.max(width, height) / 2.6;
  const landmarks = svg("g");
  const picture = svg(
    "svg",
    {
      class: "flat-face",
      viewBox: [left, top, width, height].map((v) => v.toFixed(3)).join(" "),
      role: "img",
      "aria-label": description,
    },
    svg("path", { class: "mesh", d: pathOf(edgesOf(triangles), points) }),
    ...irises(positions, contours).map(([x, y, , r]) =>
      svg("circle", { class: "iris", cx: x.toFixed(3), cy: (-y).toFixed(3), r: r.toFixed(3) }),
    ),
    svg("path", { class: "contour", d: pathOf(Object.values(contours).flat(), points) }),
    landmarks,
  );
  const draw = (style) => {
    const styled = points
      .map((point, i) => ({ i, point, ...style(i) }))
      .filter(({ colour }) => colour);
    styled.sort((a, b) => a.size - b.size);
    landmarks.replaceChildren(
      ...styled.map(({ i, point: [cx, cy], colour, size, faint }) =>
        svg("circle", {
          cx,
          cy,
          r: ((faint ? 0.009 : 0.014 + 0.03 * Math.sqrt(size)) * scale).toFixed(4),
          class: faint ? "faint" : "kept",
          style: { fill: colour },
          "data-landmark": i,
        }),
      ),
    );
  };
  return { picture, draw };
}

// Red, green and blue, from 0 to 1, of a colour as the style sheet resolves it.
function resolve(colour) {
  const probe = html("span", { style: { color: colour } });
  document.body.append(probe);
  const text = getComputedStyle(probe).color;
  probe.remove();
  const numbers = text
    .match(/[\d.]+/g)
    .slice(0, 3)
    .map(Number);
  return text.startsWith("rgb") ? numbers.map((number) => number / 255) : numbers;
}

// A face that turns, or null where the browser has no WebGL.
function turningFace(holder, { triangles, contours }, n) {
  const canvas = html("canvas");
  const context = canvas.getContext("webgl2", {
    antialias: true,
    alpha: true,
    preserveDrawingBuffer: true,
  });
  if (context === null) return null;
  const renderer = new THREE.WebGLRenderer({ canvas, context });
  renderer.setPixelRatio(Math.min(devicePixelRatio, 2));
  const scene = new THREE.Scene();
  const camera = new THREE.PerspectiveCamera(24, 1, 0.1, 100);
  const light = new THREE.DirectionalLight(0xffffff, 1.5);
  scene.add(new THREE.HemisphereLight(0xffffff, 0xb8b8c0, 1.9), light);

  const geometry = new THREE.BufferGeometry();
  const places = new THREE.BufferAttribute(new Float32Array(3 * n), 3);
  const colours = new THREE.BufferAttribute(new Float32Array(3 * n), 3);
  geometry
    .setAttribute("position", places)
    .setAttribute("color", colours)
    .setIndex(triangles.flat());
  scene.add(
    new THREE.Mesh(
      geometry,
      new THREE.MeshLambertMaterial({
        vertexColors: true,
        side: THREE.DoubleSide,
        polygonOffset: true,
        polygonOffsetFactor: 2,
        polygonOffsetUnits: 2,
      }),
    ),
  );
  const outline = new THREE.BufferGeometry();
  outline.setAttribute("position", places).setIndex(Object.values(contours).flat(2));
  const ink = new THREE.LineBasicMaterial({ transparent: true, opacity: 0.55 });
  scene.add(new THREE.LineSegments(outline, ink));
  const beads = new THREE.InstancedMesh(
    new THREE.SphereGeometry(1, 16, 12),
    new THREE.MeshLambertMaterial(),
    n,
  );
  const pupils = new THREE.InstancedMesh(
    new THREE.SphereGeometry(1, 24, 12),
    new THREE.MeshLambertMaterial(),
    2,
  );
  beads.frustumCulled = pupils.frustumCulled = false;
  scene.add(beads, pupils);

  const controls = new THREE.OrbitControls(camera, canvas);
  controls.enablePan = controls.enableZoom = false;
  // A vertical swipe scrolls the page.
  canvas.style.touchAction = "pan-y";
  let radius = 1;
  const render = () => {
    light.position.copy(camera.position).add({ x: -1, y: 2, z: 0 });
    renderer.render(scene, camera);
  };
  controls.addEventListener("change", render);
  const place = (x, y, z) => {
    const aspect = Math.min(camera.aspect, 1);
    const distance = radius / Math.sin((camera.fov * Math.PI) / 360) / aspect;
    camera.position.set(x, y, z).setLength(distance);
    controls.update();
    render();
  };
  new ResizeObserver(
    ([
      {
        contentRect: { width, height },
      },
    ]) => {
      if (!width || !height) return;
      renderer.setSize(width, height, false);
      camera.aspect = width / height;
      camera.updateProjectionMatrix();
      place(...camera.position.toArray());
    },
  ).observe(holder);
  holder.append(canvas);
  camera.position.set(0, 0, 1);

  return {
    // `style(i)` as in flatFace; the colour follows the square root of the size.
    draw(positions, style) {
      const scheme = Array.from({ length: 65 }, (_, i) => resolve(sequential(i / 64)));
      const skin = resolve("var(--skin)");
      ink.color.setRGB(...resolve("var(--contour)"), "srgb");
      places.array.set(positions.flatMap(([x, y, z]) => [x, y, z ?? 0]));
      places.needsUpdate = colours.needsUpdate = true;
      radius = Math.max(...positions.map((point) => Math.hypot(point[0], point[1]))) + 0.1;
      const colour = new THREE.Color();
      const matrix = new THREE.Matrix4();
      positions.forEach(([x, y, z], i) => {
        const { size, faint } = style(i);
        const full = scheme[Math.round(64 * Math.sqrt(size))];
        const mixed = (share) => skin.map((value, c) => value + share * (full[c] - value));
        colours.array.set(colour.setRGB(...mixed(faint ? 0 : 0.45), "srgb").toArray(), 3 * i);
        const dim = skin.map((value) => 0.8 * value);
        beads.setColorAt(i, colour.setRGB(...(faint ? dim : full), "srgb"));
        const r = ((faint ? 0.008 : 0.014 + 0.026 * Math.sqrt(size)) * radius) / 1.5;
        beads.setMatrixAt(i, matrix.makeScale(r, r, r).setPosition(x, y, z ?? 0));
      });
      const eyes = irises(positions, contours);
      pupils.count = eyes.length;
      pupils.material.color.setRGB(...resolve("var(--contour)"), "srgb");
      eyes.forEach(([x, y, z, r], i) => {
        pupils.setMatrixAt(i, matrix.makeScale(r, r, 0.3 * r).setPosition(x, y, z));
      });
      pupils.instanceMatrix.needsUpdate = true;
      beads.instanceMatrix.needsUpdate = beads.instanceColor.needsUpdate = true;
      geometry.computeVertexNormals();
      render();
    },
    turn(right, up) {
      const angle = new THREE.Spherical().setFromVector3(camera.position);
      angle.theta -= right;
      angle.phi = clamp(angle.phi - up, 0.2, Math.PI - 0.2);
      place(...new THREE.Vector3().setFromSpherical(angle).toArray());
    },
    front: () => place(0, 0, 1),
    // Place of each landmark in the picture in pixels, or null if it faces away.
    project() {
      const normals = geometry.getAttribute("normal");
      const [point, normal] = [new THREE.Vector3(), new THREE.Vector3()];
      return Array.from({ length: n }, (_, i) => {
        point.fromBufferAttribute(places, i);
        normal.fromBufferAttribute(normals, i);
        const away = normal.dot(point.clone().sub(camera.position)) > 0;
        point.project(camera);
        return away
          ? null
          : [(0.5 + point.x / 2) * canvas.clientWidth, (0.5 - point.y / 2) * canvas.clientHeight];
      });
    },
  };
}
