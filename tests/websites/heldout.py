"""Websites that were written before their results were looked at: what they say is nearer to the truth."""

from tests.websites import parts
from tests.websites.drawn import (
    BLUE,
    GREEN,
    GREY,
    RED,
    WHITE,
    badge,
    banner,
    data_svg,
    icon,
    logo,
    logo_svg,
    portrait,
)  # fmt: skip
from tests.websites.making import common, document, website
from tests.websites.model import Website


def first() -> list[Website]:
    return [
        website(
            "Home link deep in a content system", "www.achat-stb.example", "Achat Steuerberatung GmbH",
            f'<div class="pagewrap"><div class="header_outer"><a id="brandlink" href="/content/start/index_ger.html"><img src="/content/design/achat/kopf/achat_cmyk.svg" alt="Achat Steuerberatung"></a><div class="metanav"><a href="/content/kontakt/index_ger.html"><img src="/content/design/tel.svg" alt=""></a></div><ul class="mainnav">{parts.menu(101)}</ul></div></div>',
            "/content/design/achat/kopf/achat_cmyk.svg", files={"/content/design/achat/kopf/achat_cmyk.svg": logo_svg("achat", GREEN), "/content/design/tel.svg": logo_svg("t", GREY)},
        ),
        website(
            "Alt text full of other words", "bernstein-kanzlei.example", "Kanzlei Bernstein",
            f'<header><div class="container"><a href="/"><img src="/wp-content/uploads/2020/09/bernstein_4c_web.jpg" alt="Kanzlei Bernstein – Ihr Partner für Steuern, Mitglied der Steuerberaterkammer, Team aus 12 Kollegen"></a></div><nav><ul>{parts.menu(102)}</ul></nav></header>',
            "/wp-content/uploads/2020/09/bernstein_4c_web.jpg", files={"/wp-content/uploads/2020/09/bernstein_4c_web.jpg": logo("bernstein", RED, (500, 140), "JPEG")},
        ),
        website(
            "Image map on the head of the page", "www.citrin-recht.example", "Citrin Rechtsanwälte",
            '<div align="center"><img src="gfx/kopf01.jpg" width="780" height="120" border="0" usemap="#kopf"><map name="kopf"><area shape="rect" coords="0,0,300,120" href="index.htm" alt="Startseite"><area shape="rect" coords="600,0,780,120" href="kontakt.htm"></map></div><table width="780"><tr><td><a href="kanzlei.htm"><img src="gfx/b1.gif" alt="Kanzlei"></a><a href="team.htm"><img src="gfx/b2.gif" alt="Team"></a><a href="recht.htm"><img src="gfx/b3.gif" alt="Recht"></a><a href="kontakt.htm"><img src="gfx/b4.gif" alt="Kontakt"></a></td></tr></table>',
            "/gfx/kopf01.jpg", rest="<p>Willkommen auf unseren Seiten.</p><img src=bilder/hero.jpg width=500>",
            files={"/gfx/kopf01.jpg": banner("citrin"), **{f"/gfx/b{at}.gif": logo("knopf", GREY, (120, 30), "GIF") for at in range(1, 5)}},
        ),
        website(
            "Lazy background in an attribute", "www.diamant-wp.example", "Diamant Wirtschaftsprüfung",
            f'<header class="hdr"><div class="hdr-in"><a class="hdr-brand lazyload" href="/" data-bg="/static/diamant-brand.png" aria-label="Diamant Wirtschaftsprüfung"></a><ul>{parts.menu(103)}</ul></div></header>',
            "/static/diamant-brand.png", files={"/static/diamant-brand.png": logo("diamant")},
        ),
        website(
            "Coming soon: one picture", "www.flint-law.example", "Flint Law", '<div style="text-align:center;margin-top:20vh"><img src="/images/FL_final_web2.png"><h2>Hier entsteht unsere neue Website.</h2></div>', "/images/FL_final_web2.png", rest="<p>Telefon 030 5550199</p>", files={"/images/FL_final_web2.png": logo("flint", RED)},
        ),
        website(
            "All addresses of another domain that the site has, too", "www.granat.example", "Granat und Partner Rechtsanwälte",
            f'<div class="site-container"><div class="t-section"><a href="https://www.granat-partner-recht.example/"><img src="https://www.granat-partner-recht.example/wp-content/uploads/gp_quer.png" class="attachment-medium" alt=""></a></div><ul>{parts.menu(104, prefix="https://www.granat-partner-recht.example/")}</ul></div>',
            "https://www.granat-partner-recht.example/wp-content/uploads/gp_quer.png", rest="".join(f'<p><a href="https://www.granat-partner-recht.example/thema/{at}/">Thema {at}</a></p>' for at in range(12)),
        ),
        website(
            "Two pictures of the same file name", "jade-tax.example", "Jade Tax Advisors",
            f'<div class="strip"><a href="https://www.netz.example/"><img src="/typo3conf/ext/netz/Resources/Public/logo.png" alt="Netz"></a></div><header><a href="/"><img src="/fileadmin/layout/logo.png" alt="Jade"></a><ul>{parts.menu(105)}</ul></header>',
            "/fileadmin/layout/logo.png", files={"/fileadmin/layout/logo.png": logo("jade", GREEN), "/typo3conf/ext/netz/Resources/Public/logo.png": logo("netz", RED)},
        ),
        website(
            "Uikit with a drawing in the navbar and one off canvas", "www.koralle-recht.example", "Koralle Recht",
            f'<div class="tm-page"><div class="tm-header-mobile uk-hidden@m"><nav class="uk-navbar"><div class="uk-navbar-center"><a class="uk-navbar-item uk-logo" href="/"><img src="/templates/yootheme/cache/koralle-m.svg" width="120" alt="Koralle Recht"></a></div><div class="uk-navbar-left"><a class="uk-navbar-toggle" href="#tm-mobile"><div uk-navbar-toggle-icon></div></a></div></nav></div><div class="tm-header uk-visible@m"><div class="uk-navbar-container"><a class="uk-navbar-item uk-logo" href="/" aria-label="Zurück zur Startseite"><img src="/templates/yootheme/cache/koralle.svg" width="220" alt="Koralle Recht"><img class="uk-logo-inverse" src="/templates/yootheme/cache/koralle-inv.svg" width="220" alt=""></a><ul class="uk-navbar-nav">{parts.menu(106)}</ul></div></div></div>',
            "/templates/yootheme/cache/koralle.svg", "/templates/yootheme/cache/koralle-m.svg", files={"/templates/yootheme/cache/koralle.svg": logo_svg("koralle", RED), "/templates/yootheme/cache/koralle-m.svg": logo_svg("kor", RED), "/templates/yootheme/cache/koralle-inv.svg": logo_svg("koralle", WHITE)},
        ),
        website(
            "Jubilee badge linked home beside the logo", "www.lapis-stb.example", "Lapis Steuerberater",
            f'<header class="page-header-top"><div class="jub"><a href="/"><img src="/img/30-jahre.png" alt="30 Jahre"></a></div><div class="lg"><a href="/"><img src="/img/lapis_web.png" alt="Lapis Steuerberater"></a></div><ul>{parts.menu(107)}</ul></header>',
            "/img/lapis_web.png", files={"/img/30-jahre.png": badge(3), "/img/lapis_web.png": logo("lapis")},
        ),
        website(
            "Vite application with the logo inlined in its script", "app.malachit.example", "Malachit Steuern", '<div id="app"></div>', "data:" + data_svg("malachit", GREEN)[30:120], rest="",
            head='<script type="module" crossorigin src="/assets/index-4f2.js"></script><link rel="icon" href="/vite.svg" type="image/svg+xml">',
            files={"/assets/index-4f2.js": f'const a="{data_svg("malachit", GREEN)}",b="/assets/hero-3.jpg";const logo=a;h("img",{{src:a,alt:"Malachit Logo"}})', "/vite.svg": logo_svg("v", "#646cff")},
        ),
        website(
            "No logo: lettering with an icon font, stock photographs", "www.onyx-ra.example", "Onyx Rechtsanwaltskanzlei",
            f'<nav class="navbar navbar-expand-lg"><a class="navbar-brand" href="/"><i class="fas fa-balance-scale"></i> Onyx Rechtsanwaltskanzlei</a><button class="navbar-toggler">{parts.fa(3, "bars")}</button><ul class="navbar-nav">{parts.menu(108)}</ul></nav>',
        ),
        website(
            "No logo: sole lawyer, portrait linked home", "www.pyrit-ra.example", "Rechtsanwältin Paula Pyrit",
            f'<header><a href="/"><img class="round" src="/uploads/paula_web.jpg" alt="Rechtsanwältin Paula Pyrit"></a><div class="title">Rechtsanwältin Paula Pyrit</div><ul>{parts.menu(109)}</ul></header>', files={"/uploads/paula_web.jpg": portrait(4)},
        ),
        website(
            "Flexbox header without any telling word", "www.quarz-audit.example", "Quarz Audit",
            f'<div class="css-1xk"><div class="css-9a2"><a class="css-77" href="https://www.quarz-audit.example:%PORT%"><img class="css-p0" src="/cdn/4821.webp" alt=""></a><div class="css-3d">{"".join(f"<a class=css-l href=/{at}/>Punkt {at}</a>" for at in range(6))}</div></div></div>',
            "/cdn/4821.webp", files={"/cdn/4821.webp": logo("quarz", RED, (400, 100), "WEBP")},
        ),
        website(
            "Inline drawing without a link, drawn words as title", "www.rubin-recht.example", "Rubin Recht",
            f'<div class="sqs-block-html"><div class="masthead__inner"><span class="masthead__sign"><svg viewBox="0 0 180 40" width="180"><title>Rubin Recht</title><path d="M0 0h40v40H0z" fill="#9a1030"/><path d="M60 8h20v24H60zM90 8h20v24H90z"/></svg></span><ul>{parts.menu(110)}</ul></div></div>', "svg:<title>Rubin Recht</title>",
        ),
        website(
            "Touch icon of the firm, header in letters with a link", "www.saphir-stb.example", "Saphir Steuerberatung",
            f'<header><a class="wordmark" href="/">Saphir Steuerberatung</a><ul>{parts.menu(111)}</ul></header>', "/wp-content/uploads/cropped-saphir-logo-180x180.png", "/wp-content/uploads/cropped-saphir-logo-192x192.png", "/wp-content/uploads/cropped-saphir-logo-32x32.png", "/wp-content/uploads/cropped-saphir-logo-270x270.png",
            head='<link rel="icon" href="/wp-content/uploads/cropped-saphir-logo-32x32.png" sizes="32x32"><link rel="icon" href="/wp-content/uploads/cropped-saphir-logo-192x192.png" sizes="192x192"><link rel="apple-touch-icon" href="/wp-content/uploads/cropped-saphir-logo-180x180.png"><meta name="msapplication-TileImage" content="/wp-content/uploads/cropped-saphir-logo-270x270.png">',
            files={f"/wp-content/uploads/cropped-saphir-logo-{side}x{side}.png": icon(side) for side in (32, 180, 192, 270)},
        ),
        website(
            "Certificate called a logo, in the header, bigger than the logo", "www.topas-wp.example", "Topas WP",
            f'<header id="head"><div><a href="/"><img src="/i/topas.gif" width="180" height="48"></a></div><div class="cert"><img src="/i/logo_wpk_qualitaet.png" width="300" alt="Logo Qualitätskontrolle"></div><ul>{parts.menu(112)}</ul></header>', "/i/topas.gif", files={"/i/topas.gif": logo("topas", BLUE, (180, 48), "GIF"), "/i/logo_wpk_qualitaet.png": logo("wpk", GREEN)},
        ),
        Website("Framed by an old hoster, menu frame at the left with the logo", "www.zirkon.example", "Kanzlei Zirkon", common(113) | {"/": '<html><head><title>Zirkon</title></head><frameset cols="200,*"><frame src="/links.htm" name="navi"><frame src="/inhalt.htm" name="inhalt"></frameset></html>', "/links.htm": '<html><body bgcolor="#003366"><img src="zirkon.jpg" width="180"><br>' + "".join(f'<a href="s{at}.htm" target="inhalt"><img src="knopf{at}.gif" border=0></a><br>' for at in range(6)) + "</body></html>", "/inhalt.htm": "<html><body><p>Willkommen</p><img src=bilder/hero.jpg></body></html>", "/zirkon.jpg": logo("zirkon", RED, (180, 90), "JPEG"), **{f"/knopf{at}.gif": logo("knopf", GREY, (120, 24), "GIF") for at in range(6)}}, ("/zirkon.jpg",)),
        Website("Very large page", "www.turmalin.example", "Turmalin Rechtsanwälte", common(114) | {"/": document("<style>" + ".x{color:red}" * 60_000 + "</style>", f'<header><a href="/"><img src="/t.svg" alt="Turmalin"></a><ul>{parts.menu(114)}</ul></header>' + parts.body(114, "Turmalin") + "<script>var warm='" + "a" * 3_000_000 + "'</script>", title="Turmalin"), "/t.svg": logo_svg("turmalin", RED)}, ("/t.svg",)),
    ]  # fmt: skip


def heldout() -> list[Website]:
    return [*first(), *second()]


def second() -> list[Website]:
    section = '<section class="elementor-section elementor-top-section elementor-element elementor-section-boxed" data-element_type="section"><div class="elementor-container elementor-column-gap-default"><div class="elementor-column elementor-col-100 elementor-top-column"><div class="elementor-widget-wrap">{}</div></div></div></section>'
    image = '<div class="elementor-element elementor-widget elementor-widget-image"><div class="elementor-widget-container"><img loading="lazy" decoding="async" width="800" height="533" src="{}" class="attachment-large size-large wp-image-{}" alt="{}"></div></div>'
    wall = "".join(
        section.format(image.format(f"/bilder/logo-{name}.png", at, name))
        for at, name in enumerate(("muster-bau", "cafe-sonne", "autohaus-west"))
    )
    tiles = "".join(
        f'<a href="#" class="group block"><img src="/bilder/thema-{at}.jpg" class="h-48 w-full object-cover hover:scale-105" alt=""><h3>{name}</h3></a>'
        for at, name in enumerate(parts.topics(9))
    )
    return [
        website(
            "Elementor without any header part", "www.amsel-recht.example", "Kanzlei Amsel",
            section.format('<div class="elementor-element elementor-widget elementor-widget-image"><div class="elementor-widget-container"><a href="http://www.amsel-recht.example:%PORT%"><img width="512" height="140" src="/wp-content/uploads/2022/11/Amsel_final_RGB-1024x280.png" class="attachment-large size-large wp-image-31" alt="" srcset="/wp-content/uploads/2022/11/Amsel_final_RGB-1024x280.png 1024w, /wp-content/uploads/2022/11/Amsel_final_RGB-300x82.png 300w"></a></div></div>' + f'<div class="elementor-widget-nav-menu"><ul>{parts.menu(201)}</ul></div>'),
            "/wp-content/uploads/2022/11/Amsel_final_RGB-1024x280.png", "/wp-content/uploads/2022/11/Amsel_final_RGB-300x82.png",
            rest=section.format(image.format("/bilder/hero.jpg", 40, "")) + section.format("<h2>Herzlich willkommen</h2><p>" + parts.SENTENCES[1] + "</p>") + wall + parts.footer(201, "Kanzlei Amsel"),
            files={"/wp-content/uploads/2022/11/Amsel_final_RGB-1024x280.png": logo("amsel", RED, (1024, 280)), "/wp-content/uploads/2022/11/Amsel_final_RGB-300x82.png": logo("amsel", RED, (300, 82))},
        ),
        website(
            "Tailwind, logo with utility classes that say other things", "drossel-tax.example", "Drossel Tax",
            f'<header class="fixed inset-x-0 top-0 z-50 bg-white shadow"><nav class="mx-auto flex" aria-label="Global"><a href="/" class="-m-1.5 p-1.5 focus:outline-none focus:ring"><span class="sr-only">Drossel Tax</span><img class="h-10 w-auto bg-white object-cover print:hidden" src="/build/assets/drossel-D8s.svg" alt=""></a><ul class="hidden lg:flex">{parts.menu(202)}</ul></nav></header><main><div class="grid">{tiles}</div></main>',
            "/build/assets/drossel-D8s.svg", files={"/build/assets/drossel-D8s.svg": logo_svg("drossel", GREEN)},
        ),
        website(
            "Everything in a wrapper named after the theme", "www.elster-wp.example", "Elster Wirtschaftsprüfer",
            f'<div class="page-wrapper agentur-theme has-header-image logo-left partner-site"><div class="l-top"><a href="/start"><img src="/files/theme/elster.png" alt="Elster WP"></a><ul class="l-nav"><li><a href="/start">Startseite</a></li>{parts.menu(203)}</ul></div>' + parts.hero(203) + parts.teasers(203) + parts.partners(203) + parts.footer(203, "Elster WP") + "</div>",
            "/files/theme/elster.png", rest="", files={"/files/theme/elster.png": logo("elster", BLUE)},
        ),
        website(
            "Gallery whose pictures lead to nowhere", "www.fink-stb.example", "Fink Steuerberater",
            f'<div class="row"><div class="col-md-4"><img src="/images/fink_hoch.jpg" alt="Steuerkanzlei Fink" width="180"></div><div class="col-md-8"><ul>{parts.menu(204)}</ul></div></div>',
            "/images/fink_hoch.jpg", rest="".join(f'<div class="galerie-bild"><a href="#"><img src="/bilder/thema-{at}.jpg" alt="Kanzlei Fink Raum {at}"></a></div>' for at in range(6)) + parts.footer(204, "Fink"),
            files={"/images/fink_hoch.jpg": logo("fink", RED, (240, 160), "JPEG")},
        ),
        website(
            "Two lawyers, two portraits in the head, name as a picture", "www.gimpel-haenfling.example", "Gimpel & Hänfling Rechtsanwälte",
            f'<div id="header"><img src="pics/gimpel.jpg" width="120" alt="RA Gimpel"><a href="index.php"><img src="pics/schrift.png" alt="Gimpel &amp; Hänfling"></a><img src="pics/haenfling.jpg" width="120" alt="RAin Hänfling"></div><div id="menu"><ul>{parts.menu(205)}</ul></div>',
            "/pics/schrift.png", files={"/pics/schrift.png": logo("gimpel", BLUE, (420, 60)), "/pics/gimpel.jpg": portrait(1), "/pics/haenfling.jpg": portrait(2)},
        ),
        website(
            "Mega menu of hundreds of links before the logo", "www.habicht-legal.example", "Habicht Legal",
            f'<div class="offcanvas" id="oc">{"".join(f"<ul>{parts.menu(at)}</ul>" for at in range(12))}</div><div class="page-header-row"><div class="col"><a class="navbar-brand" href="/"><img src="/assets/habicht-gruppe.svg" alt="Habicht Gruppe"></a></div></div>',
            "/assets/habicht-gruppe.svg", files={"/assets/habicht-gruppe.svg": logo_svg("habicht", RED)},
        ),
        website(
            "Badge widgets floating over the page, logo without words", "www.ibis-audit.example", "Ibis Audit GmbH",
            f'<div id="pe_rating" class="pe-bottom"><a href="https://www.provenexpert.example/ibis"><img src="https://images.provenexpert.example/widget_ibis.png" alt="Erfahrungen &amp; Bewertungen zu Ibis Audit GmbH"></a></div><div class="mainbar"><a href="./"><img src="/media/a1.svg"></a><ul>{parts.menu(206)}</ul></div>',
            "/media/a1.svg", files={"/media/a1.svg": logo_svg("ibis", GREEN)},
        ),
        website(
            "Portal buttons beside the logo", "www.kiebitz-stb.example", "Kiebitz Steuerberatung",
            f'<header class="top-area"><a href="/" class="left"><img src="/img/kiebitz_rgb_150.jpg" width="210" alt="Kiebitz"></a><div class="buttons"><a href="/portal"><img src="/img/unternehmen-online-logo.png" alt="Unternehmen online"></a><a href="/fernwartung"><img src="/img/teamviewer-logo.png" alt="TeamViewer Logo"></a></div><ul>{parts.menu(207)}</ul></header>',
            "/img/kiebitz_rgb_150.jpg", files={"/img/kiebitz_rgb_150.jpg": logo("kiebitz", GREEN, (420, 110), "JPEG"), "/img/unternehmen-online-logo.png": logo("uo", BLUE), "/img/teamviewer-logo.png": logo("tv", BLUE)},
        ),
        website(
            "Logo as a JPEG banner with a building behind it", "www.lerche-ra.example", "Rechtsanwälte Lerche",
            f'<div id="container"><div id="banner"><a href="/"><img src="/images/banner_lerche.gif" alt="Rechtsanwälte Lerche" width="780" height="120"></a></div><div id="navi"><ul>{parts.menu(208)}</ul></div></div>',
            "/images/banner_lerche.gif", files={"/images/banner_lerche.gif": banner("lerche", RED)},
        ),
        website(
            "No logo: theme with a big hero, all pictures are content", "www.meise-recht.example", "Meise Rechtsanwältin",
            f'<div class="site"><header class="site-header site-header--transparent"><span class="site-title"><a href="/">Meise</a></span><nav>{parts.menu(209)}</nav><button class="search">{parts.fa(1, "search")}</button></header><div class="site-header-image"><img src="/bilder/hero.jpg" alt="Meise Rechtsanwältin Kanzleiräume" width="1400" height="700"></div></div>',
        ),
        website(
            "No logo: application with nothing but words", "app.nachtigall.example", "Nachtigall Steuern", '<div id="root"></div>', rest="", head='<script type="module" src="/assets/index.js"></script>',
            files={"/assets/index.js": 'const x="/assets/hero-8.jpg",p="/assets/partner-logo-xy.png";h("h1",{},"Nachtigall")'},
        ),
        website(
            "Drawing in the head as a symbol with white text, coloured by the page", "www.pirol-law.example", "Pirol Law",
            "<style>:root{--c1:#0a4a8a}.hd{background:#fff}.hd svg .a{fill:var(--c1)}.hd svg{color:#9a1030}</style>" + f'<div class="hd" role="banner"><a href="/" title="Pirol Law Startseite"><svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 300 60"><g class="a"><path d="M5 5h50v50H5z"></path></g><path fill="currentColor" d="M80 10h30v40H80zM120 10h30v40h-30zM160 10h60v40h-60z"></path></svg></a><ul>{parts.menu(210)}</ul></div>',
            'svg:<g class="a">',
        ),
        website(
            "Microdata on the wrong picture, the logo in the head", "www.rotkehlchen.example", "Rotkehlchen Steuerberater",
            f'<header><div class="logo"><a href="/"><img src="/img/rk.svg" alt="Rotkehlchen"></a></div><ul>{parts.menu(211)}</ul></header>', "/img/rk.svg",
            head='<script type="application/ld+json">{"@type":"Organization","name":"Rotkehlchen","logo":"https://www.rotkehlchen.example/wp-content/themes/starter/screenshot.png"}</script>', files={"/img/rk.svg": logo_svg("rk", RED)},
        ),
        website(
            "Alias domain with a canonical address", "rotmilan-neu.example", "Rotmilan Rechtsanwälte",
            f'<header id="top"><a href="https://www.rotmilan-recht.example/"><img src="/img/rotmilan.png"></a><ul>{parts.menu(212)}</ul></header>', "/img/rotmilan.png",
            head='<link rel="canonical" href="https://www.rotmilan-recht.example/">', files={"/img/rotmilan.png": logo("rotmilan", GREEN)},
        ),
        website(
            "Logo twice: symbol and name as two pictures in one link", "www.specht-stb.example", "Specht Steuerberatung",
            f'<header><a href="/" class="marke"><img src="/img/specht-signet.svg" alt=""><img src="/img/specht-schriftzug.svg" alt="Specht Steuerberatung"></a><ul>{parts.menu(213)}</ul></header>', "/img/specht-signet.svg", "/img/specht-schriftzug.svg",
            files={"/img/specht-signet.svg": logo_svg("s", RED), "/img/specht-schriftzug.svg": logo_svg("specht", RED)},
        ),
        website(
            "Accessibility and language tools with logos of their own", "www.zeisig-notar.example", "Notar Zeisig",
            f'<div class="eye-able"><a href="#"><img src="/plugins/eyeable/logo.svg" alt="Eye-Able Logo"></a></div><div id="gtranslate"><img src="/plugins/gt/de.svg" width="24" alt="de"><img src="/plugins/gt/en.svg" width="24" alt="en"></div><div class="notar-kopf"><a href="/"><img src="/wappen/zeisig.png" alt="Notar Zeisig"></a></div><ul>{parts.menu(214)}</ul>',
            "/wappen/zeisig.png", files={"/wappen/zeisig.png": logo("zeisig", BLUE), "/plugins/eyeable/logo.svg": logo_svg("eye", RED), "/plugins/gt/de.svg": logo_svg("d", RED), "/plugins/gt/en.svg": logo_svg("e", RED)},
        ),
    ]  # fmt: skip
