//! The painter that the window ships with, on Mesa's software renderer, without a display.
//!
//! Graphics cards differ in the last bit and machines in their cards; so the software device is asked for by its name and its
//! answer is checked. Where it is missing this fails: a picture test that skips looks like one that passed.
#![expect(unsafe_code, reason = "OpenGL is C: making a context and asking it its name")]

use std::ffi::CStr;
use std::sync::Arc;

use eframe::egui::{ClippedPrimitive, ColorImage, TexturesDelta};
use eframe::egui_glow::Painter;
use eframe::glow::{self, HasContext as _};
use glutin::api::egl::context::PossiblyCurrentContext;
use glutin::api::egl::device::Device;
use glutin::api::egl::display::Display;
use glutin::api::egl::surface::Surface;
use glutin::config::{ColorBufferType, ConfigSurfaceTypes, ConfigTemplateBuilder, GlConfig as _};
use glutin::context::ContextAttributesBuilder;
use glutin::display::{GetGlDisplay as _, GlDisplay as _};
use glutin::prelude::NotCurrentGlContext as _;
use glutin::surface::{PbufferSurface, SurfaceAttributesBuilder};

/// The largest picture, in pixels.
pub(crate) const LARGEST: u32 = 1600;

/// What is to be installed where something is missing.
const INSTALL: &str =
    "on Debian and Ubuntu: apt-get install libegl1 libegl-mesa0 libgl1-mesa-dri libgl1";

/// A place to draw on.
pub(crate) struct Software {
    gl: Arc<glow::Context>,
    // Drawing needs both to stay.
    _context: PossiblyCurrentContext,
    _surface: Surface<PbufferSurface>,
}

impl Software {
    /// Makes one, current on this thread.
    pub(crate) fn new() -> Result<Self, String> {
        let missing = |what: &str, error: &dyn std::fmt::Display| {
            format!("no software renderer, {what}: {error}; {INSTALL}")
        };
        let mut devices = Device::query_devices().map_err(|error| missing("EGL", &error))?;
        let device = devices
            .find(|device| device.extensions().contains("EGL_MESA_device_software"))
            .ok_or_else(|| missing("EGL", &"none of its devices is Mesa's software device"))?;
        // SAFETY: no display of the system is handed over.
        let display = unsafe { Display::with_device(&device, None) }
            .map_err(|error| missing("its display", &error))?;
        let wanted = ConfigTemplateBuilder::new()
            .with_surface_type(ConfigSurfaceTypes::PBUFFER)
            .with_alpha_size(8)
            .build();
        // SAFETY: the template names no window.
        let config = unsafe { display.find_configs(wanted) }
            .map_err(|error| missing("its buffers", &error))?
            .find(|config| {
                // Not the deeper ones, which round otherwise, and no samples: smooth edges are egui's own.
                config.color_buffer_type()
                    == Some(ColorBufferType::Rgb { r_size: 8, g_size: 8, b_size: 8 })
                    && config.alpha_size() == 8
                    && config.num_samples() == 0
            })
            .ok_or_else(|| missing("its buffers", &"none can be drawn on off screen"))?;
        // SAFETY: the attributes name no window.
        let context = unsafe {
            display.create_context(&config, &ContextAttributesBuilder::new().build(None))
        }
        .map_err(|error| missing("its context", &error))?;
        let side = std::num::NonZeroU32::new(LARGEST).expect("not zero");
        let attributes = SurfaceAttributesBuilder::<PbufferSurface>::new().build(side, side);
        // SAFETY: a buffer of this display and configuration, and of no window.
        let surface = unsafe { config.display().create_pbuffer_surface(&config, &attributes) }
            .map_err(|error| missing("its surface", &error))?;
        let context =
            context.make_current(&surface).map_err(|error| missing("its context", &error))?;
        let address = |name: &CStr| display.get_proc_address(name);
        // SAFETY: the context is current on this thread, and the addresses are those of its display.
        let gl = unsafe { glow::Context::from_loader_function_cstr(address) };
        // SAFETY: the context is current on this thread.
        let name = unsafe { gl.get_parameter_string(glow::RENDERER) };
        if !name.contains("llvmpipe") {
            return Err(missing("its name", &format!("'{name}' is not llvmpipe")));
        }
        Ok(Self { gl: Arc::new(gl), _context: context, _surface: surface })
    }

    /// Draws what egui wants drawn, at one pixel per point.
    pub(crate) fn draw(
        &self,
        [width, height]: [u32; 2],
        shapes: &[ClippedPrimitive],
        textures: &mut TexturesDelta,
    ) -> Result<ColorImage, String> {
        // Dithering is for eyes; for a comparison it is noise.
        let mut painter = Painter::new(Arc::clone(&self.gl), "", None, false)
            .map_err(|error| error.to_string())?;
        painter.clear([width, height], [0.0, 0.0, 0.0, 1.0]);
        painter.paint_and_update_textures([width, height], 1.0, shapes, textures);
        let image = painter.read_screen_rgba([width, height]);
        painter.destroy();
        Ok(image)
    }
}
