//! Common given names and surnames of North America, and common words that are no names.
//!
//! The lists are short on purpose: titles, headings and signatures find most names, and a name
//! found once is then found everywhere in its note. Names that are everyday or clinical words
//! (May, Grant, Bell, Graves) are left out.

/// Given names, lower case.
pub(crate) const GIVEN: &str = "\
    aaron abigail adam adrian adriana adrienne agnes aisha alan albert alejandro alex alexander \
    alexandra alexandria alexis alfred ali alice alicia alison allison alyssa amanda amber \
    amelia amy ana andre andrea andrew angel angela angelica anita ann anna anne annette annie \
    anthony antonio april ariana arthur ashley audrey austin ava barbara beatrice benjamin \
    bernard bernice beth bethany betty beverly bill billy bobby bonnie brad bradley brandi \
    brandon brenda brent brett brian briana brianna bridget brittany brittney bruce bryan \
    caitlin calvin cameron candace carl carla carlos carmen carol caroline carolyn carrie casey \
    cassandra catherine cathy cecilia chad charlene charles charlotte chelsea cheryl chloe chris \
    christian christina christine christopher christy cindy claire clara clarence claudia \
    clifford colleen connie connor corey cory courtney craig cristina crystal curtis cynthia \
    daisy dale dana daniel danielle danny darlene darrell darren dave david dawn deanna deborah \
    debra delores denise dennis derek derrick desiree destiny devin diana diane dolores dominic \
    dominique don donald donna doris dorothy douglas duane dustin dylan earl eddie edgar eduardo \
    edward edwin eileen elaine eleanor elena elijah elizabeth ella ellen emily emma eric erica \
    erik erika erin ernest esther ethan eugene eva evan evelyn fatima felicia fernando florence \
    frances francis francisco frank franklin fred frederick gabriel gabriela gabriella gabrielle \
    gail gary gene george gerald geraldine gina ginger glen glenda glenn gloria gordon greg \
    gregory guy gwendolyn hailey haley hannah harold harry hassan hazel heather hector heidi \
    helen henry herbert herman holly howard hunter ian ibrahim ines irene isaac isabel isabella \
    isaiah ivan jack jackie jackson jaclyn jacob jacqueline jaime jake jamal james jamie jane \
    janet janice jared jasmin jasmine jason javier jean jeanette jeff jeffery jeffrey jenna \
    jennifer jenny jeremiah jeremy jerome jerry jesse jessica jesus jill jim jimmy jo joan joann \
    joanna joanne jodi jody joe joel john johnathan johnny jon jonathan jordan jorge jose joseph \
    joshua joy joyce juan juanita judith judy julia julian julie justin kaitlin kaitlyn karen \
    karl karla kate katelyn katherine kathleen kathryn kathy katie katrina kayla keith kelli \
    kellie kelly kelsey ken kendra kenneth kerri kerry kevin khadija kim kimberly kirk krista \
    kristen kristi kristie kristin kristina kristine kristy krystal kurt kyle lance larry \
    latasha latoya laura lauren laurie lawrence leah lee leila leon leonard leroy leslie levi \
    lewis liam lillian linda lindsay lindsey lisa lloyd logan lois lonnie loretta lori lorraine \
    louis louise lucas lucy luis luke lydia lynn mackenzie madeline madison makayla malik mandy \
    marc marcia marco marcus margaret maria mariah marie marilyn mario marion marissa marjorie \
    marlene martha martin marvin mary mason mathew matthew maureen maurice max maxwell megan \
    meghan melanie melinda melissa melvin mercedes meredith michael michaela micheal michele \
    michelle miguel mike mikayla mildred mindy miranda misty mitchell mohamed mohammed molly \
    monica monique morgan muhammad nancy natalie natasha nathan nathaniel neil nicholas nichole \
    nicolas nicole nina noah noor norma norman olivia omar oscar pablo paige pam pamela parker \
    patricia patrick patty paul paula pauline pedro peggy penny perry peter phillip philip \
    phyllis priscilla priya rachael rachel ralph ramon randall randy raymond rebecca regina \
    renee rhonda ricardo richard rick ricky riley rita robert roberta roberto robin rodney roger \
    ronald ronnie rosa rosemary ross roy ruben russell ruth ryan sabrina sally sam samantha \
    samuel sandra sandy sara sarah savannah scott sean selena seth shane shannon sharon shaun \
    shawn sheena sheila shelby shelia shelley shelly sheri sherri sherry shirley sierra sofia \
    sonia sonya sophia sophie spencer stacey stacie stacy stanley stefanie stephanie stephen \
    steve steven stuart sue susan suzanne sydney sylvia tabitha tamara tammie tammy tanner tanya \
    tara tasha taylor teresa terrance terrence terri terry thelma theodore theresa thomas \
    tiffany tim timothy tina todd tom tommy toni tonya tracey traci tracie tracy travis trevor \
    tricia troy tyler valerie vanessa vernon veronica vicki vickie victor victoria vincent \
    virginia vivian wanda warren wayne wendy wesley whitney william willie xavier yolanda yvonne \
    zachary zoe";

/// Surnames, lower case.
pub(crate) const SURNAMES: &str = "\
    adams aguilar alexander allen allison alvarado alvarez anderson andrews armstrong arnold \
    austin ayala bailey baker barker barnes barnett bates becker beltran bennett bishop boyd \
    bradley brooks browning bryant burke burton bush butler byrd cabrera calderon caldwell \
    calhoun campbell cannon cardenas carlson carpenter carr carrillo carroll carson castillo \
    castro cervantes chandler chapman chavez chen christensen clark clarke cohen coleman collins \
    cook cooper cortez cox crawford cruz cunningham davidson davies davis dawson delacruz \
    delgado diaz dixon dominguez duncan dunn edwards elliott ellis erickson espinoza estrada \
    evans everett ferguson fernandez figueroa fisher fleming fletcher flores ford foster fowler \
    franklin frazier freeman fuentes fuller garcia gardner garrett garza gibson gilbert glover \
    gomez gonzales gonzalez goodman gordon graham gray greene griffin guerrero gutierrez guzman \
    hall hamilton hansen hanson harding harper harrington harris harrison harvey hawkins hayes \
    henderson henry hernandez herrera hicks higgins hill hoffman holland holmes hopkins howell \
    hubbard hudson huff huffman hughes hunt ibarra ingram jackson jacobs jacobson jenkins \
    jennings jensen jimenez johnson johnston jones jordan juarez keller kelley kennedy khan kim \
    klein knight lambert larson lawson lee leonard lewis li lopez lowe lozano lucero lynch lyons \
    mack maldonado mann marquez marsh marshall martinez mathews matthews maynard mcclain mcclure \
    mcconnell mccormick mccoy mcdaniel mcdonald mcgee mckenzie mckinney mcknight mclaughlin \
    mcmahon medina mejia melendez mendez mendoza meyer meyers miles miller miranda molina \
    montgomery montoya moore morales moran moreno morris morrison morrow morton mueller mullins \
    munoz murphy murray myers navarro nelson newman newton nguyen nichols nicholson norris \
    obrien oconnor oliver olsen olson orozco ortega ortiz osborne owen owens pacheco padilla \
    palmer parker parks patel patterson patton payne pearson pena perez perkins perry peters \
    petersen peterson phillips pierce pineda ponce porter powell pratt preston pruitt quinn \
    ramirez ramos ramsey randolph rasmussen reed reese reeves reyes reynolds rhodes richards \
    richardson riley rios rivas rivera roberson roberts robertson robinson robles rocha rodgers \
    rodriguez rogers rojas roman romero rosales rosario ross rowland roy rubio ruiz russell \
    russo salas salazar salinas sanchez sanders sandoval santana santiago santos saunders \
    schmidt schneider schroeder schultz schwartz sellers serrano shaffer shah sharma shaw \
    shelton shepherd sherman simmons simon simpson sims singh skinner smith snyder solis solomon \
    sosa soto spencer stanley stephens stephenson stevens stevenson stewart strickland stuart \
    suarez sullivan sutton swanson tate taylor terrell terry thomas thompson torres townsend \
    tran trevino trujillo tucker turner tyler underwood valdez valencia valenzuela vargas \
    vasquez vaughn vazquez vega velasquez velazquez villanueva villarreal wade wagner walker \
    wallace walsh walters wang ward warner warren washington watkins watson weaver webb weber \
    webster weeks welch wheeler wiggins wilcox wilkerson wilkins wilkinson williams williamson \
    willis wilson wong woodard woods woodward wright wu xu yang yates york zamora zavala zhang \
    zimmerman zuniga";

/// Words that start sentences or stand in headings, and are no names though they are capitalised.
pub(crate) const COMMON: &str = "\
    a about additional after again all allergies also although an and any appointment april are \
    as ask assessment at august baseline be because been before both but by can cardiovascular \
    case chief clinic clinical comment complains complaint consult continue copy current daily \
    date dear december denies department diagnosis did discharge discussed do does emergency \
    exam examination family february fax female final findings follow for friday from general \
    given had has have he her here his history home hospital however i if impression in \
    instructions is it january july june labs last lives male march may medical medication \
    medications mg monday mother musculoskeletal my neurological no normal not note november \
    october of on or other our patient patients per physical plan please present previous prior \
    procedure pt reason recent recommend refer report reports resident results return review \
    right left room saturday seen september service she signed since social some spouse states \
    sunday surgery surgical symptoms system tests that the their then there therapist these they \
    this thursday to today tuesday unit until visit was we wednesday well were what when which \
    while who will with works would you your doctor nurse physician attending provider name \
    father son daughter wife husband unknown none electronically by mr mrs ms dr miss md rn do \
    np pa phd jr sr ii iii";

/// Words that are names of persons or towns and, in lower case, everyday or clinical words.
pub(crate) const EVERYDAY: &str = "\
    amber art autumn baker ball bank banks barber bay beach beck bell best bill bird bishop black \
    bloom blue bond bone boots booth bowls branch bridge brook brooks brown buck bush butcher \
    butler carpenter chance christian city clay cliff coffin cold coma cook cooper cross crystal \
    cunning daisy daly dare dawn day dean dick drew early east end english faith fallow ferry \
    field fields finger fisher flood flower foot ford forest fox frank free french frost gamble \
    garden gates ginger glass gold good gore grace grant graves gray green grey grove guy hale \
    hand hands hardy harm hazel head heath heart heather high hill hills holiday hood hope hunt \
    hunter iron ivy jack jay jewel joint joy junction key king knee lake lamb lane law light lily \
    little long love low lung major mark marks mason max may mercy mild miles mill miller mills \
    minor mood moody moon moor neck new noble nose olive page pain park parks payne pearl penny \
    pepper pierce pike pill pillow poole pope port post potter pound powers price pride prince \
    quarry ray read rest rice rich river rivers rob robin rock rose rush rusty sage salt sandy \
    savage scales shank sharp short silver singer skin skinner small smart smith snow south spark \
    speed spring staff star steel still stone street strong suture swallow sweet swift temple \
    tender tidewater tiny town tremor valley van victor vein vessel violet wade walker wall ward \
    waters weary webb weeks weight wells west wheeler white wild wilder will willow winter wise \
    wolf wood woods worth young";

/// Names of signs, diseases, tests and tools, lower case: persons' names that identify nobody.
pub(crate) const EPONYMS: &str = "\
    achilles addison adson allen alzheimer apgar apley ascher babinski baker barrett bartholin \
    bartter behcet bell bennett bishop blalock bowman braden bragard brudzinski burkitt bruce \
    charcot chagas charlson chiari child chvostek cobb colles cooper crohn cullen cushing \
    dejerine denver dequervain doppler down duchenne dupuytren ebstein ehlers danlos epley \
    epstein barr faber fabry fallot fanconi felty finkelstein foley fontan fowler galeazzi \
    gaucher gilbert gleason glasgow goodpasture graves grey guillain hashimoto hawkins hegar \
    henoch hirschsprung hodgkin hoffman hoffmann holter homan homans horner huntington jones \
    kaposi kawasaki kegel kernig kerley killip klinefelter kocher korsakoff krukenberg \
    kussmaul lachman lasegue ladd levine lewy lhermitte likert lisfranc lyme mallory marfan \
    mcburney mcmurray meckel meniere mohs montgomery moro murphy neer nissen ober osgood \
    schlatter osler paget pap parkinson patrick perthes peyronie phalen phren pick pott \
    prinzmetal quincke raynaud ramsay reed reiter reye rinne romberg roux rovsing schober \
    sengstaken sims sjogren sjögren snellen spurling still swan ganz tanner tay sachs thomas \
    thompson tinel todd tourette trendelenburg trousseau turner valsalva virchow waldenstrom \
    weber wegener wells wenckebach wernicke whipple white wilms wilson wolff parkinson yergason \
    zenker zollinger ellison";

/// Words after which, or beside which, an eponym stands.
pub(crate) const EPONYM_HEADS: &str = "\
    sign signs disease syndrome test testing maneuver manoeuvre palsy phenomenon catheter tube \
    score scale criteria classification stage staging grade fracture lymphoma sarcoma tumor node \
    nodes reflex procedure operation repair position body bodies dementia thyroiditis triad law \
    chorea contracture cyst ulcer esophagus tendon monitor swab smear surgery bypass virus \
    anomaly tetralogy block effect encephalopathy infarct grafting line technique pouch gland \
    stain";

/// Drugs with common and brand names, lower case.
pub(crate) const DRUGS: &str = "\
    acetaminophen acyclovir adderall advair albuterol aldactone alendronate allegra allopurinol \
    alprazolam ambien amiodarone amitriptyline amlodipine amoxicillin apixaban aripiprazole \
    aspirin atenolol ativan atorvastatin augmentin azithromycin bactrim benadryl benazepril \
    bisoprolol botox bumetanide bupropion buspirone calcitriol captopril carbamazepine cardizem \
    carvedilol cefazolin ceftriaxone celebrex celexa cephalexin cetirizine cialis cipro \
    ciprofloxacin citalopram claritin clindamycin clonazepam clonidine clopidogrel coreg coumadin \
    cozaar crestor cymbalta decadron depakote dexamethasone diazepam diclofenac digoxin dilantin \
    dilaudid diltiazem diovan docusate donepezil doxycycline duloxetine effexor eliquis enalapril \
    enoxaparin entresto epinephrine erythromycin escitalopram esomeprazole famotidine fentanyl \
    ferrous finasteride flagyl flexeril flomax flonase fluconazole fluoxetine fluticasone \
    furosemide gabapentin gemfibrozil glipizide glucophage glyburide haldol haloperidol heparin \
    humalog humira hydralazine hydrochlorothiazide hydrocodone hydrocortisone hydroxyzine \
    ibuprofen imdur imitrex insulin isosorbide januvia jardiance keflex keppra ketorolac klonopin \
    labetalol lamictal lamotrigine lansoprazole lantus lasix levaquin levetiracetam levofloxacin \
    levothyroxine lexapro lidocaine linezolid lipitor lisinopril lithium loratadine lorazepam \
    losartan lovastatin lovenox lyrica macrobid meclizine medrol meloxicam metformin methadone \
    methotrexate metoclopramide metoprolol metronidazole miralax mobic montelukast morphine motrin \
    naproxen naloxone neurontin nexium nitrofurantoin nitroglycerin norco norvasc novolog \
    olanzapine omeprazole ondansetron oxycodone ozempic pantoprazole paxil penicillin pepcid \
    percocet phenytoin plaquenil plavix potassium pradaxa pravastatin prednisone pregabalin \
    prilosec prinivil propranolol protonix prozac quetiapine ranitidine remeron risperidone \
    ritalin rosuvastatin senna seroquel sertraline sildenafil simvastatin singulair \
    spironolactone sumatriptan symbicort synthroid tamsulosin tegretol temazepam terazosin \
    tizanidine topamax topiramate torsemide tramadol trazodone trulicity tylenol valium valtrex \
    vancomycin venlafaxine ventolin verapamil viagra vicodin victoza vitamin voltaren warfarin \
    wellbutrin xanax xarelto zantac zestril zetia zithromax zocor zofran zolpidem zoloft zosyn \
    zyprexa zyrtec";
